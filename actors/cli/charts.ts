import type { AnyStateMachine } from 'xstate';
import { type ChartState, jsonOf, mermaidOf } from '../../machines/chart-text.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { soakMachine } from '../../machines/soak.machine.ts';
import { systemMachine } from '../../machines/system.machine.ts';
import { didYouMean } from './closest.ts';
import { usageError } from './usage-error.ts';
import { version } from './version.ts';

/** `asymmu charts`: the state charts that control the CPUs, the board and the long jobs. */

const CHARTS: Readonly<Record<string, AnyStateMachine>> = { cpu: cpuMachine, system: systemMachine, soak: soakMachine };

const FORMATS: Readonly<Record<string, (machine: AnyStateMachine) => string>> = {
  mermaid: mermaidOf,
  json: (machine) => `${JSON.stringify(jsonOf(machine), null, 2)}\n`,
  text: (machine) => `${outline(jsonOf(machine)).join('\n')}\n`,
};

export interface ChartsOptions {
  readonly format: string;
  readonly json?: boolean;
}

/** Prints one chart, or all of them. */
export function charts(name: string | undefined, options: ChartsOptions): void {
  const chosen = name === undefined ? Object.keys(CHARTS) : [chartNamed(name)];
  const format = FORMATS[options.format];
  if (format === undefined)
    throw usageError(`--format: '${options.format}' is none of ${Object.keys(FORMATS).join(', ')}`);
  if (options.json) {
    const list = chosen.map((chart) => ({
      name: chart,
      mermaid: mermaidOf(CHARTS[chart]!),
      chart: jsonOf(CHARTS[chart]!),
    }));
    process.stdout.write(`${JSON.stringify({ command: 'charts', version: version(), charts: list }, null, 2)}\n`);
  } else if (options.format === 'json' && chosen.length > 1) {
    process.stdout.write(
      `${JSON.stringify(
        chosen.map((chart) => jsonOf(CHARTS[chart]!)),
        null,
        2,
      )}\n`,
    );
  } else
    process.stdout.write(chosen.map((chart) => `${title(chart, options.format)}${format(CHARTS[chart]!)}`).join('\n'));
}

function chartNamed(name: string): string {
  if (Object.hasOwn(CHARTS, name)) return name;
  const names = Object.keys(CHARTS);
  throw usageError(`unknown chart '${name}'${didYouMean(name, names)}; expected one of ${names.join(', ')}`);
}

/** Mermaid takes a title in front of the diagram; the outline names its chart itself. */
function title(name: string, format: string): string {
  return format === 'mermaid' ? `%% asymmu: ${name}\n` : '';
}

/** States by depth, each with what it runs and where its events lead; `*` marks the state that is entered first. */
function outline(state: ChartState, depth = 0, isInitial = false): string[] {
  const indent = '  '.repeat(depth);
  const parallel = state.kind === 'parallel' ? ' (in parallel)' : '';
  const runs = (state.invoke ?? []).map(({ id }) => ` {${id}}`).join('');
  const events = Object.entries(state.on).flatMap(([event, transitions]) =>
    transitions.map(({ target, guard, actions }) => {
      const asked = guard === undefined ? '' : ` [${guard}]`;
      const done = (actions ?? []).map((action) => ` / ${action}`).join('');
      return `${indent}    ${event === '' ? 'always' : event}${asked}${target.length === 0 ? '' : ` -> ${target.join(', ')}`}${done}`;
    }),
  );
  return [
    `${indent}${isInitial ? '* ' : ''}${state.id.split('.').at(-1)}${parallel}${runs}`,
    ...events,
    ...Object.values(state.states).flatMap((child) => outline(child, depth + 1, child.id === state.initial)),
  ];
}
