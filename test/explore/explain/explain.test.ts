import { describe, expect, it } from 'vitest';
import { EXPLAIN_BUDGET } from '../../../src/explore/explain/bench.ts';
import { type Cure, type Explanation, explain } from '../../../src/explore/explain/explain.ts';
import { interleaverOf } from '../../../src/explore/interleaver.ts';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { repaint, twins } from '../../../src/scenario/repaint/repaint.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { explorationOf, overtaking } from '../known-bugs.ts';
import { failing } from './failing.ts';

const KNOWN = new Map<Scenario, Explanation>();

function explained(scenario: Scenario): Explanation {
  const known = KNOWN.get(scenario) ?? explain(failing(explorationOf(scenario)));
  KNOWN.set(scenario, known);
  return known;
}

const twin = (name: string): Scenario => twins.find((one) => one.name === `repaint/${name}`)!;

describe('the explanation names the line that is missing', () => {
  const MISSING: readonly [string, Partial<Cure>, RegExp][] = [
    [
      'no-flush',
      { insert: 'TLBI VMALLE1IS; DSB ISH; ISB', cpu: 0, between: ['repaint.painted', 'repaint.released'] },
      /^flush_tlb_kernel_range\(\)/,
    ],
    [
      'release-before-flush-completes',
      { insert: 'DSB ISH', cpu: 0, after: 'TLBI', between: ['repaint.painted', 'repaint.flushed'] },
      /^flush_tlb_kernel_range\(\)/,
    ],
    [
      'linked-before-visible',
      {
        insert: 'DSB ISHST',
        cpu: 0,
        after: 'fill of a table',
        before: 'STR',
        between: ['repaint.everybodyParked', 'repaint.painted'],
      },
      /^split_pmd\(\)/,
    ],
    [
      'reserved-ttbr1-without-isb',
      { insert: 'ISB', cpu: 1, after: 'TLBI', between: ['idmap.installed', 'repaint.parked'] },
      /^__idmap_cpu_set_reserved_ttbr1/,
    ],
    [
      'reserved-ttbr1-without-tlbi',
      { insert: 'TLBI VMALLE1; DSB NSH; ISB', cpu: 1, after: 'ISB', between: ['repaint.parked', 'repaint.leaving'] },
      /^__idmap_cpu_set_reserved_ttbr1/,
    ],
    [
      'no-reserved-ttbr1',
      {
        insert: 'MSR TTBR1_EL1, reserved_pg_dir; ISB; TLBI VMALLE1; DSB NSH; ISB',
        cpu: 1,
        before: 'LDADD idmap_kpti_bbml2_flag, in the idmap',
      },
      /^__idmap_cpu_set_reserved_ttbr1/,
    ],
    [
      'boot-cpu-does-not-wait',
      {
        insert: 'smp_cond_load_acquire(&idmap_kpti_bbml2_flag, VAL == num_online_cpus())',
        cpu: 0,
        between: ['repaint.everybodyParked', 'repaint.painted'],
      },
      /^linear_map_split_to_ptes\(\)/,
    ],
  ];

  it.each(MISSING)('%s', (name, cure, linux) => {
    const { cures, without } = explained(twin(name));
    expect(cures[0]).toMatchObject(cure);
    expect(cures[0]!.linux).toMatch(linux);
    expect(cures[0]!.schedulesTried).toBe(EXPLAIN_BUDGET.schedules + 1);
    expect(without.violated).toBe(without.schedules);
  });

  it('gives back what a register held, once the CPU is out of the idmap or on its way', () => {
    const [cure] = explained(twin('no-reserved-ttbr1')).cures;
    expect(cure!.undo).toMatchObject({ insert: 'MSR TTBR1_EL1, swapper_pg_dir; ISB' });
    expect(['repaint.parked', 'repaint.leaving', 'idmap.uninstalled']).toContain(cure!.undo!.milestone);
  });

  it('is the barrier between two stores where one must not overtake the other, and nothing cheaper', () => {
    const { cures, without } = explained(overtaking);
    expect(cures).toMatchObject([{ insert: 'DSB ISHST', cpu: 0, after: 'STR', before: 'STR' }]);
    expect(without.violated).toBeGreaterThan(without.schedules / 10); // where failing is rare, schedules near it tell more
    expect(without.violated).toBeLessThan(without.schedules);
  });

  it('is no wait for a milestone that is marked before the CPU has counted itself', () => {
    const { cures } = explained(twin('boot-cpu-does-not-wait'));
    expect(cures.filter(({ insert }) => insert.includes('repaint.parked'))).toEqual([]);
  });
});

describe('where no line is missing, none is made up', () => {
  const CHANGED: readonly [name: string, remedy: RegExp, sentence: string | undefined, linux: RegExp][] = [
    ['secondaries-stay-on-swapper', /reserved TTBR1/, 'repaint.waitForBootCpu', /^wait_linear_map_split_to_ptes/],
    ['flag-starts-at-zero', /init_idmap_kpti_bbml2_flag/, 'repaint.initFlag', /^init_idmap_kpti_bbml2_flag/],
    ['flag-not-in-idmap', /create_idmap/, 'repaint.mapFlag', /^create_idmap/],
    ['painter-without-bbml2', /the split belongs to CPU 0/, 'repaint.painter', /smp_processor_id\(\) == 0/],
    ['out-of-memory', /tables for the whole split/, undefined, /./],
  ];
  it.each(CHANGED)('%s: the sentence that was changed is named, if one was', (name, remedy, sentence, linux) => {
    const { cures, sentences, tried, violation } = explained(twin(name));
    expect(cures).toEqual([]);
    expect(sentences).toMatchObject(sentence === undefined ? [] : [{ sentence, linux: expect.stringMatching(linux) }]);
    expect(tried).toMatchObject({ sentences: sentence === undefined ? 0 : 1 });
    expect(tried.lines).toBeGreaterThan(30);
    expect(tried.places).toBeGreaterThan(40);
    expect(violation.remedy).toMatch(remedy);
  });

  it('of several sentences, only those are named that help alone', () => {
    const { sentences, tried } = explained(twin('release-before-flush-completes'));
    expect([sentences.map(({ sentence }) => sentence), tried.sentences]).toEqual([['repaint.flush'], 2]);
  });
});

describe('what the failing run had begun and not completed', () => {
  it.each([
    ['release-before-flush-completes', [{ lacks: 'DSB ISH', record: { cpu: 0, kind: 'tlbi' } }]],
    ['reserved-ttbr1-without-isb', [{ lacks: 'ISB', record: { cpu: 1, kind: 'msr' } }]],
    ['no-flush', []],
  ])('%s', (name, ends) => {
    expect(explained(twin(name)).openEnds).toMatchObject(ends);
  });

  it('stores that are still buffered', () => {
    const { openEnds } = explained(overtaking);
    expect(openEnds).toMatchObject([
      { lacks: 'DSB', record: { cpu: 0, kind: 'buffered' } },
      { lacks: 'DSB', record: { cpu: 0, kind: 'buffered' } },
    ]);
  });
});

describe('explaining', () => {
  const shrunk = failing(explorationOf(twin('linked-before-visible')));

  it('calls nothing a cure that it had no runs left to try', () => {
    expect(explain(shrunk, { ...EXPLAIN_BUDGET, runs: 300 }).cures).toEqual([]);
  });

  it('refuses a run that violated nothing', () => {
    const good = interleaverOf(explorationOf(repaint, 2)).run(randomly(1));
    expect(() => explain({ ...shrunk, found: good })).toThrow(RangeError);
  });
});
