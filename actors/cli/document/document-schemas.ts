import { z } from 'zod';
import { CHART_NAMES } from '../../../src/explore/coverage/chart-watch.ts';
import { DANGERS } from '../../../src/explore/coverage/discovery.ts';
import { CACHED_SIZES, IN_MEMORY, PROTOCOL_PHASES, TLBI_PHASES } from '../../../src/explore/coverage/situations.ts';
import { bbmClasses, granules } from '../../../src/hardware/board/board.ts';
import { COUNTERS } from '../../../src/hardware/counters.ts';
import { REVISIONS } from '../../../src/kernel/config.ts';
import { ENDINGS } from '../../campaign/search-pool.ts';
import { STRATEGY_NAMES } from '../../campaign/strategies.ts';
import { bytesByLeaf, count, head, hexadecimal, machine, verdict, violation } from './document-parts.ts';
import { bugs, matrix } from './survey-schemas.ts';

/**
 * What `--json` prints, command by command. A document may gain keys from version to version, so readers ignore those they
 * do not know; none goes away.
 */

const counts = z.looseObject(Object.fromEntries(COUNTERS.map((name) => [name, z.number().min(0)])));
const dangers = z.record(z.string(), z.boolean()).describe('whether the run has shown each danger');

const run = z.looseObject({
  ...head('run'),
  config: z.looseObject({ scenario: z.string(), ...machine }),
  verdict,
  reason: z.string().describe('why the run ended'),
  violations: z.array(violation),
  counts,
  dangers,
  phasesMs: z.record(z.string(), z.number().min(0)),
  tableBytes: z.looseObject({ painted: count, atEnd: count }),
  cpus: z.array(z.looseObject({ cpu: count, status: z.string(), state: z.string() })),
  durationMs: z.number().min(0),
});

const scenarios = z.looseObject({
  ...head('scenarios'),
  scenarios: z.array(
    z.looseObject({
      name: z.string(),
      summary: z.string(),
      expect: z.string().describe('good, or the property that must catch it'),
    }),
  ),
});

const model = z.looseObject({
  name: z.string(),
  midr: count,
  bbm: count.max(3).describe('ID_AA64MMFR2_EL1.BBM as the register reads'),
  conflicts: z.enum(bbmClasses).describe('what the silicon does'),
});

/** All boards, or one with `asymmu boards NAME`, or the models with `--models`. */
const boards = z.looseObject({
  ...head('boards'),
  boards: z.array(z.looseObject({ name: z.string(), summary: z.string(), cpus: count })).optional(),
  board: z.looseObject({ name: z.string(), granule: z.enum(granules), vaBits: count, cpus: z.array(model) }).optional(),
  models: z.record(z.string(), model).optional(),
});

const charts = z.looseObject({
  ...head('charts'),
  charts: z.array(
    z.looseObject({
      name: z.string(),
      mermaid: z.string(),
      chart: z.looseObject({ id: z.string(), kind: z.string(), on: z.looseObject({}), states: z.looseObject({}) }),
    }),
  ),
});

const ptdump = z.looseObject({
  ...head('ptdump'),
  config: z.looseObject({ ...machine, when: z.enum(['painted', 'running']) }),
  ranges: z.array(
    z.looseObject({
      area: z.enum(['linear', 'image']),
      va: hexadecimal,
      end: hexadecimal,
      pa: hexadecimal.describe('of the first leaf'),
      leafBytes: count,
      count: count.min(1).describe('leaves'),
      level: count.max(3),
      contiguous: z.boolean(),
      descriptor: hexadecimal.describe('of the first leaf'),
    }),
  ),
  linearMap: bytesByLeaf,
  image: bytesByLeaf,
  tablePages: z.looseObject({ byLevel: z.array(count).length(4), total: count, bytes: count }),
});

const soak = z.looseObject({
  ...head('soak'),
  config: z.looseObject({ seed: count }),
  verdict,
  reason: z.string(),
  violations: z.array(violation),
  counts,
  dangers: z.looseObject({}).optional(),
  rounds: z.looseObject({ first: count, next: count, good: count, violated: count, inconclusive: count }),
  durationMs: z.number().min(0),
});

/** What decides an exploration, beside the machine and its seed. */
const explored = {
  scenario: z.string(),
  from: z.enum(['power-on', 'brought-up']).describe('where each run begins'),
  mostPoints: count.min(1).describe('a run is given up after as many points'),
  charts: z.enum(['tables', 'actors']).describe('who judges the milestones'),
};

const runSize = z.looseObject({
  cpus: count,
  preemptions: count.describe('switches away from a CPU that could have gone on'),
  switches: count,
  chances: count.describe('answers of chance other than the tame one'),
  hardwareActs: count.describe('stores that drained and walks that were made by themselves'),
  points: count,
});

const cure = z.looseObject({
  insert: z.string().describe('the line'),
  cpu: count.describe('the first CPU that came there'),
  after: z.string(),
  before: z.string().describe('the instructions around it'),
  between: z.array(z.string()).length(2).describe("the CPU's milestones around it"),
  inInterrupt: z.boolean().describe('the CPU came there in the handler of an interrupt'),
  linux: z.string().optional().describe('the function of Linux that it belongs to'),
  schedulesTried: count,
});

const chartCell = z.looseObject({ state: z.string(), event: z.string(), schedules: count });

const coverage = z.looseObject({
  charts: z.array(
    z.looseObject({
      chart: z.enum(CHART_NAMES),
      cells: z.array(chartCell).describe('events in the states that take them'),
      refused: z.array(chartCell),
    }),
  ),
  tlb: z.array(
    z.looseObject({
      bbm: z.enum(bbmClasses).describe('the class of the CPUs'),
      rows: z.array(
        z.looseObject({
          cached: z.array(z.enum(CACHED_SIZES)).describe('what a TLB holds for a page of the linear map'),
          memory: z.enum(IN_MEMORY).describe('what memory holds beside that'),
          schedules: z
            .partialRecord(z.enum(PROTOCOL_PHASES), z.partialRecord(z.enum(TLBI_PHASES), count))
            .describe('by phase of the protocol and of the TLBI; what is ruled out is not there, unless it was met'),
        }),
      ),
    }),
  ),
});

const explore = z.looseObject({
  ...head('explore'),
  config: z.looseObject({ ...explored, ...machine, strategy: z.enum(STRATEGY_NAMES), jobs: count.min(1) }),
  verdict,
  reason: z.enum(ENDINGS).describe('why the search ended'),
  violations: z.array(
    violation.extend({
      schedule: count.describe('the schedule that it was found in'),
      shrunk: z
        .looseObject({ before: runSize, after: runSize, runs: count })
        .optional()
        .describe('how much smaller the run is that the token stands for'),
      cures: z
        .array(cure)
        .optional()
        .describe(
          'lines with which all schedules that were tried end well; the best first, none where no single line helps',
        ),
      sentences: z
        .array(
          z.looseObject({
            sentence: z.string(),
            revision: z.enum(REVISIONS),
            linux: z.string().optional(),
            schedulesTried: count,
          }),
        )
        .optional()
        .describe('changed sentences with which, as the kernel has them, all schedules that were tried end well'),
      tried: z.looseObject({ places: count, lines: count, sentences: count, runs: count }).optional(),
    }),
  ),
  counts: z.looseObject({
    schedules: count,
    points: count,
    givenUp: count.describe('schedules that were given up after `mostPoints`'),
    cut: count.describe('schedules that were cut short, because another one tells the same story'),
    violated: count,
  }),
  dangers: z
    .looseObject(Object.fromEntries(DANGERS.map(({ name }) => [name, count])))
    .describe('schedules that reached each'),
  discovery: z.looseObject({
    curve: z
      .array(z.looseObject({ schedules: count, situations: count }))
      .describe('situations that were met by then: a milestone of one CPU while another stands at one of its own'),
    lastTenth: z.number().min(0).max(1).describe('share of the last tenth of all schedules that met a new one'),
  }),
  coverage: coverage.optional().describe('with --coverage: schedules that met each cell, 0 for those that none did'),
  worth: z.string().optional().describe('what it means that nothing was found'),
  durationMs: z.number().min(0),
});

const { seed: _, ...machineWithoutSeed } = machine;

const replay = z.looseObject({
  ...head('replay'),
  token: z.string(),
  config: z.looseObject({
    ...explored,
    ...machineWithoutSeed,
    strategy: z
      .string()
      .optional()
      .describe('who decided, with its seed and the schedule; absent: decision by decision'),
    seed: count.optional(),
    schedule: count.optional(),
    decisions: count.optional().describe('decisions that the token carries; all others are tame'),
  }),
  verdict,
  violations: z.array(violation),
  counts: z.looseObject({ points: count, decisions: count }),
  steps: z
    .array(
      z.looseObject({
        point: count.describe('points of the run so far'),
        cpu: count,
        act: z.string().describe('what it stood before and did, or what its hardware did by itself'),
        records: z.array(z.looseObject({ cpu: count, step: count, text: z.string() })),
      }),
    )
    .optional()
    .describe('with --trace'),
});

const bench = z.looseObject({
  ...head('bench'),
  results: z.array(
    z.looseObject({
      name: z.string(),
      unit: z.string(),
      median: z.number(),
      min: z.number(),
      max: z.number(),
      runs: count.min(1),
    }),
  ),
});

/** By command. */
export const documentSchemas = {
  run,
  explore,
  replay,
  matrix,
  bugs,
  scenarios,
  boards,
  charts,
  ptdump,
  soak,
  bench,
} as const;
export type DocumentName = keyof typeof documentSchemas;

export function documentJsonSchema(name: DocumentName): object {
  return z.toJSONSchema(documentSchemas[name].meta({ title: `asymmu ${name} --json` }), { target: 'draft-2020-12' });
}
