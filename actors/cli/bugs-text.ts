import type { Bug } from '../../src/scenario/bug.ts';
import { HUNTERS, type Hunt, medianOf } from '../campaign/bug-hunt.ts';
import type { Style } from './terminal/style.ts';
import { wrap } from './terminal/wrap.ts';
import { version } from './version.ts';

/** The catalogue of bugs, and what came of hunting them, for people and for machines. */

/** What became of one bug; no hunt: it was interrupted, or took too long. */
export interface HuntedBug {
  readonly bug: Bug;
  readonly hunt: Hunt | undefined;
  readonly token: string | undefined;
}

const caughtBy = ({ act }: Bug): string => ('bad' in act ? act.bad.expect : '-');

/** Found by name from every seed by one of the strategies, and the fix is silent. */
export function isAsItShouldBe({ bug, hunt }: HuntedBug): boolean {
  if (hunt === undefined || hunt.fixed.violation !== undefined) return false;
  const all = HUNTERS.map((hunter) => hunt[hunter]);
  const named = all.every(({ properties }) => properties.every((property) => property === caughtBy(bug)));
  return named && all.some(({ took }) => took.every((count) => count !== undefined));
}

/** A line each: name, what catches it, what goes wrong. */
export function catalogueLines(bugs: readonly Bug[], style: Style): string[] {
  const name = Math.max(...bugs.map((bug) => bug.name.length)) + 2;
  const by = Math.max(...bugs.map((bug) => caughtBy(bug).length)) + 2;
  const acted = bugs.filter(({ act }) => 'bad' in act).length;
  return [
    ...bugs.flatMap((bug) => {
      const [first, ...rest] = wrap(bug.wrong, style.width - name - by);
      return [
        `${bug.name.padEnd(name)}${caughtBy(bug).padEnd(by)}${first}`,
        ...rest.map((line) => ' '.repeat(name + by) + line),
      ];
    }),
    '',
    `${bugs.length} bugs, ${acted} of them acted out; - : it cannot be, and 'asymmu bugs NAME' says why`,
  ];
}

/** All that is known of one. */
export function bugLines({ name, wrong, source, revision, fix, act }: Bug, style: Style): string[] {
  const facts = [
    ['wrong', wrong],
    ['source', source],
    ['in', revision],
    ['fix', fix],
    ...('bad' in act
      ? [
          ['acted out', `${act.bad.name}: ${act.bad.summary}`],
          ['caught by', act.bad.expect],
          ['fixed', act.fixed.name],
        ]
      : [['not acted', act.why]]),
  ];
  return [
    style.strong(name),
    ...facts.flatMap(([what, text]) =>
      wrap(text!, style.width - 13).map((line, i) => `  ${(i === 0 ? what! : '').padEnd(11)}${line}`),
    ),
  ];
}

/** What hunting one came to. */
export function huntLine(one: HuntedBug, width: number, style: Style): string[] {
  const { bug, hunt, token } = one;
  const name = bug.name.padEnd(width);
  if (hunt === undefined) return [`${style.warn('?')} ${name}  did not come to an end`];
  const mark = isAsItShouldBe(one) ? style.good('✓') : style.bad('✗');
  const { violation, schedules } = hunt.fixed;
  const after =
    violation === undefined
      ? `fix good in ${n(schedules)}`
      : style.bad(`the fix violates ${violation.property}: ${violation.message}`);
  const properties = [...new Set(HUNTERS.flatMap((hunter) => hunt[hunter].properties))];
  const by = properties.length === 0 ? style.bad('not found') : properties.join(', ');
  return [
    `${mark} ${name}  ${by.padEnd(18)}${HUNTERS.map((hunter) => `${hunter} ${tookText(hunt[hunter].took)}`).join(' · ')} · ${after}`,
    ...(token === undefined ? [] : [style.dim(`  ${''.padEnd(width)}  npx asymmu replay ${token}`)]),
  ];
}

/** `3`, or `3 (1 to 40)`; how many seeds it was not found from. */
function tookText(took: readonly (number | undefined)[]): string {
  const found = took.flatMap((count) => count ?? []).sort((a, b) => a - b);
  if (found.length === 0) return 'not found';
  const median = medianOf(took);
  const [least, most] = [found[0]!, found.at(-1)!];
  const range = least === most ? '' : ` (${n(least)} to ${n(most)})`;
  const missed = found.length === took.length ? '' : `, not from ${took.length - found.length} of ${took.length} seeds`;
  return `${median === undefined ? '-' : n(median)}${range}${missed}`;
}

export function summaryLines(done: readonly HuntedBug[], left: readonly Bug[], ms: number, style: Style): string[] {
  const right = done.filter(isAsItShouldBe).length;
  const said = `${right} of ${done.length} bugs found by name from every seed, and their fixes good (${(ms / 1000).toFixed(1)} s)`;
  return [
    '',
    right === done.length ? style.good(said) : style.bad(said),
    ...left.flatMap(({ name, act }) =>
      'why' in act ? wrap(`not acted out: ${name}: ${act.why}`, style.width, '  ') : [],
    ),
  ];
}

export function catalogueDocument(bugs: readonly Bug[]): Record<string, unknown> {
  return { command: 'bugs', version: version(), bugs: bugs.map(factsOf) };
}

export function bugsDocument(
  config: Record<string, unknown>,
  done: readonly HuntedBug[],
  left: readonly Bug[],
  durationMs: number,
): Record<string, unknown> {
  return {
    command: 'bugs',
    version: version(),
    config,
    bugs: [
      ...done.map(({ bug, hunt, token }) => ({
        ...factsOf(bug),
        found: hunt?.shown !== undefined,
        ...(hunt === undefined ? {} : huntFacts(hunt)),
        ...(token === undefined ? {} : { token }),
      })),
      ...left.map(factsOf),
    ],
    durationMs,
  };
}

function huntFacts({ random, pct, shown, fixed }: Hunt): Record<string, unknown> {
  const schedules = medianOf(random.took) ?? medianOf(pct.took);
  return {
    ...(shown === undefined ? {} : { property: shown.found.run.violations[0]!.property }),
    ...(schedules === undefined ? {} : { schedules }),
    random: random.took.map((count) => count ?? null),
    pct: pct.took.map((count) => count ?? null),
    fixed: { schedules: fixed.schedules, ...(fixed.violation && { violated: fixed.violation.property }) },
  };
}

function factsOf({ name, wrong, source, revision, fix, act }: Bug): Record<string, unknown> {
  const how =
    'bad' in act ? { scenario: act.bad.name, expect: act.bad.expect, fixed: act.fixed.name } : { why: act.why };
  return { name, wrong, source, revision, fix, ...how };
}

const n = (value: number): string => value.toLocaleString('en-US');
