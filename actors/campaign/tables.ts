import { search } from '../../src/explore/strategy/search.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { bugs } from '../../src/scenario/bugs.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { heldUpCpu, repaint, twins } from '../../src/scenario/repaint/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { hunt, huntPlan } from './bug-hunt.ts';
import { type ExplorationPlan, explorerOf } from './exploration.ts';
import { FILLERS, schedulesToFill } from './filled-cells.ts';
import { exploreGood, soakGood } from './good-proofs.ts';
import type { Proof } from './good-worker.ts';
import { type Level3Share, level3Share } from './level3-share.ts';
import { raceRows } from './race-table.ts';
import { STRATEGIES, type StrategyName, type StrategyOptions } from './strategies.ts';

/** The tables of docs/: measured, and the same wherever and whenever they are. */

const SEEDS = 20;
const MOST_SCHEDULES = 10_000;
const OPTIONS: Omit<StrategyOptions, 'seed'> = { depth: 3, preemptions: 2, acts: 1, chances: 0 };

function planOf(scenario: Scenario, cpus: number): ExplorationPlan {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus });
  return {
    reference: { name: scenario.name },
    board,
    kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
    from: 'brought-up',
    mostPoints: 10_000,
    charts: 'tables',
  };
}

/** Schedules until the first violation, and its property; throws where there is none. */
function schedulesToFind(scenario: Scenario, cpus: number, name: StrategyName, seeds: number): number[] {
  const interleaver = explorerOf(planOf(scenario, cpus), scenario);
  return Array.from({ length: seeds }, (_, seed) => {
    const { parametersOf, make } = STRATEGIES[name];
    const options = { ...OPTIONS, seed: seed + 1 };
    const strategy = make(interleaver, options.seed, parametersOf(options, interleaver));
    const { found } = search(interleaver, strategy, 0, MOST_SCHEDULES);
    const property = found?.run.violations[0]?.property;
    if (property !== scenario.expect)
      throw new Error(
        `${scenario.name}, ${name}, seed ${seed + 1}: ${property ?? 'nothing'} in ${MOST_SCHEDULES} schedules`,
      );
    return found!.index + 1;
  });
}

/** `1`, or `3 (1 to 17)`: the median, and the least and the most where they differ. Infinite: more than were run. */
function spread(samples: readonly number[]): string {
  const sorted = samples.toSorted((a, b) => a - b);
  const text = (count: number): string =>
    count > MOST_SCHEDULES ? `> ${MOST_SCHEDULES.toLocaleString('en-US')}` : count.toLocaleString('en-US');
  const [least, median, most] = [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!].map(text);
  return least === most ? least! : `${median} (${least} to ${most})`;
}

/** Schedules until each bad twin is caught by name: median over the seeds, least and most. */
export function twinRows(): string[][] {
  return twins.map((twin) => [
    `\`${twin.name}\``,
    `\`${twin.expect}\``,
    spread(schedulesToFind(twin, 4, 'random', SEEDS)),
    spread(schedulesToFind(twin, 4, 'pct', SEEDS)),
    spread(schedulesToFind(twin, 2, 'bounded', 1)),
  ]);
}

const FINISHED = [
  ['dfs', { acts: 0, chances: 0 }],
  ['bounded', { preemptions: 2, acts: 0, chances: 0 }],
  ['bounded', { preemptions: 1, acts: 1, chances: 1 }],
] as const;

/** Exhaustive searches of the good text on two CPUs and one block: all finish, and find nothing. */
export function finishedRows(): string[][] {
  return [repaint, heldUpCpu].flatMap((scenario) =>
    FINISHED.map(([name, bounds]) => {
      const interleaver = explorerOf(planOf(scenario, 2), scenario);
      const { parametersOf, make } = STRATEGIES[name];
      const options = { ...OPTIONS, ...bounds, seed: 1 };
      const strategy = make(interleaver, 1, parametersOf(options, interleaver));
      let cut = 0;
      const { schedules, found, exhausted } = search(interleaver, strategy, 0, Number.POSITIVE_INFINITY, (run) => {
        if (run.cut) cut++;
      });
      if (found !== undefined || !exhausted) throw new Error(`${scenario.name}: ${name} did not end well`);
      const preemptions = 'preemptions' in bounds ? `${bounds.preemptions}` : 'any';
      const counts = [schedules - cut, cut].map((count) => count.toLocaleString('en-US'));
      return [`\`${scenario.name}\``, name, preemptions, `${bounds.acts}`, `${bounds.chances}`, ...counts];
    }),
  );
}

const FILLED = [66, 68, 70, 72] as const;

/** Schedules until so many cells of the coverage are filled, on the good text and four CPUs. */
export function filledRows(): string[][] {
  return FILLERS.map((filler) => {
    const seeds = Array.from({ length: SEEDS }, (_, seed) =>
      schedulesToFill(planOf(repaint, 4), repaint, filler, seed + 1, FILLED, MOST_SCHEDULES),
    );
    return [`\`${filler}\``, ...FILLED.map((_, goal) => spread(seeds.map((reached) => reached[goal]!)))];
  });
}

/** Markdown, columns padded. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Every bug that can be acted out: what catches it, and after how many schedules. */
export function bugRows(): string[][] {
  return bugs.flatMap(({ name, revision, act }) => {
    if ('why' in act) return [];
    const { random, pct, fixed } = hunt(
      huntPlan(act, { seed: 1, seeds: SEEDS, schedules: 20_000 }),
      act.bad,
      act.fixed,
    );
    if (fixed.violation !== undefined) throw new Error(`the fix of ${name} violates ${fixed.violation.property}`);
    for (const property of [...random.properties, ...pct.properties])
      if (property !== act.bad.expect) throw new Error(`${name}: caught by ${property}, not by ${act.bad.expect}`);
    const took = [random, pct].map((one) => spread(one.took.map((count) => count ?? Number.POSITIVE_INFINITY)));
    return [[`\`${name}\``, revision, `\`${act.bad.expect}\``, ...took, `\`${act.fixed.name}\``]];
  });
}

/** Those that cannot be, and why. */
export function unactedRows(): string[][] {
  return bugs.flatMap(({ name, wrong, act }) => ('why' in act ? [[`\`${name}\``, wrong, act.why]] : []));
}

/** The catalogue: each good protocol, and under it the twins that stand behind it. */
export function scenarioRows(): string[][] {
  return catalogue.map(({ name, summary, expect }) => [
    `\`${name}\``,
    summary,
    expect === 'good' ? 'nothing: it is good' : `\`${expect}\``,
  ]);
}

const number = (count: number): string => count.toLocaleString('en-US');
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** What each good scenario has gone through under the explorer. */
export async function goodRows(names: readonly string[]): Promise<string[][]> {
  const explored = await exploreGood(names, say);
  const searched = ({ schedules, exhausted }: Proof): string => `${exhausted ? '' : '> '}${number(schedules)}`;
  return [...explored].map(([name, { cpus, random, bounded }]) => [
    `\`${name}\``,
    `${cpus}`,
    number(random.schedules),
    number(random.points),
    ...bounded.map(searched),
  ]);
}

/** And on threads. */
export async function soakedRows(names: readonly string[]): Promise<string[][]> {
  const soaked = await soakGood(names, say);
  return [...soaked].map(([name, { good, counts, boards }]) => [
    `\`${name}\``,
    number(good),
    number(boards.size),
    number(counts.accesses),
    number(counts.tlbis),
    number(counts.bothSizesCached),
    number(counts.staleUses),
  ]);
}

const MODULES = [50, 100, 200, 400] as const;

/** Entries of level 3 in the linear map once so many modules are loaded: see level3-share.ts. */
export function level3Rows(): string[][] {
  const n = (count: number): string => count.toLocaleString('en-US');
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  return MODULES.map((modules) => {
    const plain = level3Share(modules, 'plain');
    const apart = level3Share(modules, 'cache, not collapsed');
    const cache = level3Share(modules, 'cache');
    const text = ({ entries, share }: Level3Share): string => `${n(entries)} (${percent(share)})`;
    return [`${modules}`, text(plain), text(apart), text(cache), percent(1 - cache.entries / plain.entries)];
  });
}

export type TableName =
  | 'twins'
  | 'finished'
  | 'filled'
  | 'bugs'
  | 'unacted'
  | 'scenarios'
  | 'good'
  | 'soaked'
  | 'races'
  | 'level3';

/** Where each table stands. */
export const TABLE_FILES: Readonly<Record<TableName, string>> = {
  twins: 'docs/exploring.md',
  finished: 'docs/exploring.md',
  filled: 'docs/exploring.md',
  bugs: 'docs/bugs.md',
  unacted: 'docs/bugs.md',
  scenarios: 'docs/protocols.md',
  good: 'docs/protocols.md',
  soaked: 'docs/protocols.md',
  races: 'docs/protocols.md',
  level3: 'docs/execmem.md',
};

/** Those that take long. */
export const IN_PARTS: readonly TableName[] = ['good', 'soaked'];

/** Each table, measured; of those of `IN_PARTS` only the rows that are named, if any are. */
export const TABLES: Readonly<Record<TableName, (names?: readonly string[]) => string | Promise<string>>> = {
  twins: () => markdown(['twin', 'caught by', 'random, 4 CPUs', 'PCT, d = 3, 4 CPUs', 'bounded, 2 CPUs'], twinRows()),
  finished: () =>
    markdown(
      ['scenario', 'strategy', 'preemptions', 'acts', 'chances', 'schedules run to the end', 'cut short'],
      finishedRows(),
    ),
  filled: () => markdown(['strategy', ...FILLED.map((cells) => `${cells} cells`)], filledRows()),
  bugs: () => markdown(['bug', 'kernels', 'caught by', 'random', 'PCT, d = 3', 'good with the fix'], bugRows()),
  scenarios: () => markdown(['scenario', 'what happens', 'caught by'], scenarioRows()),
  good: async (names = []) =>
    markdown(
      ['scenario', 'CPUs', 'random schedules', 'points', '2 CPUs: 1 preemption', '1 preemption, 1 act'],
      await goodRows(names),
    ),
  soaked: async (names = []) =>
    markdown(
      ['scenario', 'rounds', 'boards', 'accesses', 'TLBIs', 'both sizes cached', 'stale before completion'],
      await soakedRows(names),
    ),
  races: () => markdown(['function', 'tested in', 'readers', 'others that change', 'interrupts'], raceRows()),
  level3: () =>
    markdown(['modules', 'areas of their own', 'cache, not collapsed', 'cache', 'fewer entries'], level3Rows()),
  unacted: () => markdown(['bug', 'what goes wrong', 'why not'], unactedRows()),
};

/** `text` with the rows of `table` in that between its marks: in the place of those that begin alike, or after all others. */
export function withRows(text: string, name: string, table: string): string {
  const [head, , ...rows] = cellsOf(table);
  const kept = cellsOf(
    text.slice(text.indexOf(`<!-- table: ${name} -->`), text.indexOf(`<!-- end: ${name} -->`)),
  ).slice(2);
  const isNew = ([key]: readonly string[]): boolean => !kept.some(([other]) => other === key);
  const all = [...kept.map((row) => rows.find(([key]) => key === row[0]) ?? row), ...rows.filter(isNew)];
  return withTable(text, name, markdown(head!, all));
}

function cellsOf(table: string): string[][] {
  const lines = table.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** `text` with the table between its marks replaced. */
export function withTable(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- table: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no place for the table ${name}`);
  return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`;
}
