import type { Violation } from '../../src/check/violation.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import type { Acted } from '../../src/scenario/bug.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { type ExplorationPlan, explorerOf, MOST_POINTS } from './exploration.ts';
import { exploredBoard } from './explored-board.ts';
import type { FoundRun } from './range.ts';
import { STRATEGIES, type StrategyOptions } from './strategies.ts';

/** One bug looked for from many seeds, and its fix put to the same schedules. */

export const HUNTERS = ['random', 'pct'] as const;
export type Hunter = (typeof HUNTERS)[number];

export interface HuntPlan {
  /** How the scenario that has the bug is explored, and the one that has the fix. */
  readonly bad: ExplorationPlan;
  readonly fixed: ExplorationPlan;
  /** The first seed, and how many. */
  readonly seed: number;
  readonly seeds: number;
  /** Most schedules from each seed. */
  readonly schedules: number;
  /** The fix is put to as many schedules as the bug took, from each seed, and to at least so many. */
  readonly least: number;
  readonly depth: number;
}

/** PCT's depth: as `explore` has it where nobody says. */
const DEPTH = 3;
/** A fix is put to at least so many schedules from each seed. */
const LEAST_OF_A_FIX = 20;

/** How a bug is hunted. */
export function huntPlan(
  { bad, fixed, from }: Acted,
  budget: Pick<HuntPlan, 'seed' | 'seeds' | 'schedules'>,
): HuntPlan {
  const explored = (scenario: Scenario): ExplorationPlan => ({
    reference: { name: scenario.name },
    board: exploredBoard(scenario),
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
    from: from ?? 'brought-up',
    mostPoints: MOST_POINTS,
    charts: 'tables',
  });
  return { bad: explored(bad), fixed: explored(fixed), ...budget, least: LEAST_OF_A_FIX, depth: DEPTH };
}

/** What one strategy came to. */
export interface Hunted {
  /** From each seed: how many schedules it took; undefined: the bug was not found. */
  readonly took: readonly (number | undefined)[];
  readonly properties: readonly string[];
}

export interface Hunt extends Readonly<Record<Hunter, Hunted>> {
  /** A run that shows the bug, of the first strategy and seed that found it. */
  readonly shown?: {
    readonly hunter: Hunter;
    readonly seed: number;
    readonly parameters: readonly number[];
    readonly found: FoundRun;
  };
  readonly fixed: { readonly schedules: number; readonly violation?: Violation };
}

/** Looks for the bug from every seed by every strategy. The same plan gives the same result. */
export function hunt(plan: HuntPlan, bad: Scenario, fixed: Scenario): Hunt {
  const broken = explorerOf(plan.bad, bad);
  const mended = explorerOf(plan.fixed, fixed);
  let shown: Hunt['shown'];
  let violation: Violation | undefined;
  let schedules = 0;
  const huntedBy = (hunter: Hunter): Hunted => {
    const { parametersOf, make } = STRATEGIES[hunter];
    const took: (number | undefined)[] = [];
    const properties = new Set<string>();
    for (let seed = plan.seed; seed < plan.seed + plan.seeds; seed++) {
      const options: StrategyOptions = { seed, depth: plan.depth, preemptions: 0, acts: 0, chances: 0 };
      const parameters = parametersOf(options, broken);
      const { found } = search(broken, make(broken, seed, parameters), 0, plan.schedules);
      took.push(found && found.index + 1);
      if (found !== undefined) {
        properties.add(found.run.violations[0]!.property);
        shown ??= { hunter, seed, parameters, found };
      }
      const last = Math.max(plan.least, found === undefined ? 0 : found.index + 1);
      const after = search(mended, make(mended, seed, parametersOf(options, mended)), 0, last);
      schedules += after.schedules;
      violation ??= after.found?.run.violations[0];
    }
    return { took, properties: [...properties] };
  };
  const [random, pct] = HUNTERS.map(huntedBy) as [Hunted, Hunted];
  return {
    random,
    pct,
    ...(shown === undefined ? {} : { shown }),
    fixed: { schedules, ...(violation === undefined ? {} : { violation }) },
  };
}

/** The median; undefined where the bug was found from fewer than half of the seeds. */
export function medianOf(took: Hunted['took']): number | undefined {
  const sorted = took.map((count) => count ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)]!;
  return Number.isFinite(median) ? median : undefined;
}
