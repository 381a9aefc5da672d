import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** A chart as text: Mermaid to look at, JSON for programs. The same chart gives the same text, always. */

export type ChartStateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history';

export interface ChartTransition {
  /** Ids of the states it leads to; empty when it stays where it is. */
  readonly target: readonly string[];
  readonly guard?: string;
  readonly actions?: readonly string[];
}

export interface ChartState {
  readonly id: string;
  readonly kind: ChartStateKind;
  /** Id of the state that is entered first. */
  readonly initial?: string;
  readonly tags?: readonly string[];
  /** Programs that run as long as the state is active. */
  readonly invoke?: readonly { readonly id: string; readonly src: string }[];
  /** By event, as the chart lists them; the empty event stands for transitions that need none. */
  readonly on: { readonly [event: string]: readonly ChartTransition[] };
  readonly states: { readonly [key: string]: ChartState };
}

/** The chart as a tree of plain objects: what `JSON.stringify` can write. */
export function jsonOf(machine: AnyStateMachine): ChartState {
  return chartState(machine.root);
}

/** Where a state is in its chart, whatever id it was given: `cpu.powered.online.stop`. */
function idOf(node: AnyStateNode): string {
  return [node.machine.id, ...node.path].join('.');
}

function chartState(node: AnyStateNode): ChartState {
  const { initial, tags, invoke } = node;
  const children = childrenOf(node);
  return {
    id: idOf(node),
    kind: node.type,
    ...(node.type === 'compound' && { initial: idOf(initial.target[0]!) }),
    ...(tags.length > 0 && { tags: [...tags] }),
    ...(invoke.length > 0 && { invoke: invoke.map(({ id, src }) => ({ id, src: nameOf(src) })) }),
    on: Object.fromEntries(transitionsOf(node)),
    states: Object.fromEntries(children.map((child) => [child.key, chartState(child)])),
  };
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

type RawTransition = NonNullable<AnyStateNode['always']>[number];

function transitionsOf(node: AnyStateNode): [string, ChartTransition[]][] {
  const listed: [string, readonly RawTransition[]][] = [...node.transitions];
  if (node.always !== undefined && node.always.length > 0) listed.unshift(['', node.always]);
  return listed.map(([event, transitions]) => [event, transitions.map(chartTransition)]);
}

function chartTransition({ target, guard, actions }: RawTransition): ChartTransition {
  const asked = guard === undefined ? undefined : guardText(guard);
  return {
    target: (target ?? []).map(idOf),
    ...(asked !== undefined && { guard: asked }),
    ...(actions.length > 0 && { actions: actions.map(nameOf) }),
  };
}

/** `isBootCpu`, `faultIs permission`. */
function guardText(guard: NonNullable<RawTransition['guard']>): string {
  const params = typeof guard === 'object' && 'params' in guard ? guard.params : undefined;
  const values = typeof params === 'object' && params !== null ? Object.values(params) : [];
  return [nameOf(guard), ...values].join(' ');
}

function nameOf(named: unknown): string {
  if (typeof named === 'string') return named;
  if (typeof named === 'object' && named !== null && 'type' in named) return String(named.type);
  return 'unnamed';
}

/** The chart as a Mermaid `stateDiagram-v2`. */
export function mermaidOf(machine: AnyStateMachine): string {
  const root = jsonOf(machine);
  return ['stateDiagram-v2', ...stateText(root, arrowsByHome(root), 1), ''].join('\n');
}

/** An arrow, and the ids of the states it joins. */
interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** Mermaid draws an arrow best in the innermost state that holds both of its ends. */
function arrowsByHome(root: ChartState): Map<string, Arrow[]> {
  const homes = new Map<string, Arrow[]>();
  const visit = (state: ChartState): void => {
    for (const [event, { target, guard }] of each(state.on))
      for (const to of target.filter((id) => !isInside(id, state.id))) {
        const home = commonAncestor(state.id, to);
        homes.set(home, [...(homes.get(home) ?? []), { from: state.id, to, label: arrowLabel(labelOf(event, guard)) }]);
      }
    for (const child of Object.values(state.states)) visit(child);
  };
  visit(root);
  return homes;
}

/** It cannot draw one from a state to what is inside that state: such a transition becomes a line of the state's note. */
function isInside(id: string, outer: string): boolean {
  return id.startsWith(`${outer}.`);
}

function each(on: ChartState['on']): [string, ChartTransition][] {
  return Object.entries(on).flatMap(([event, transitions]) =>
    transitions.map((transition): [string, ChartTransition] => [event, transition]),
  );
}

/** The innermost state that has both inside it. */
function commonAncestor(a: string, b: string): string {
  const left = a.split('.').slice(0, -1);
  const right = b.split('.').slice(0, -1);
  let shared = 0;
  while (shared < left.length && left[shared] === right[shared]) shared++;
  return left.slice(0, shared).join('.');
}

const DONE = 'xstate.done.actor.';
const FAILED = 'xstate.error.actor.';

/** `cpu.online [isEarlySecondary]`; of a program: `boot ends`. */
function labelOf(event: string, guard: string | undefined): string {
  const ended = event.startsWith(DONE) ? `${event.slice(DONE.length)} ends` : event;
  const failed = event.startsWith(FAILED) ? `${event.slice(FAILED.length)} fails` : ended;
  return [failed, guard === undefined ? '' : `[${guard}]`].filter((part) => part !== '').join(' ');
}

function arrowLabel(label: string): string {
  return label === '' ? '' : `: ${label}`;
}

function contents(state: ChartState, arrows: Map<string, Arrow[]>, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const children = Object.values(state.states);
  if (state.kind === 'parallel')
    return children.flatMap((child, index) => [
      ...(index > 0 ? [`${indent}--`] : []),
      ...stateText(child, arrows, depth),
    ]);
  return [
    ...children.flatMap((child) => stateText(child, arrows, depth)),
    ...(state.initial === undefined ? [] : [`${indent}[*] --> ${alias(state.initial)}`]),
    ...(arrows.get(state.id) ?? []).map(({ from, to, label }) => `${indent}${alias(from)} --> ${alias(to)}${label}`),
    ...children.filter(({ kind }) => kind === 'final').map(({ id }) => `${indent}${alias(id)} --> [*]`),
  ];
}

function stateText(state: ChartState, arrows: Map<string, Arrow[]>, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const key = state.id.split('.').at(-1)!;
  const declared = `${indent}state "${key}" as ${alias(state.id)}`;
  const inside = Object.keys(state.states).length > 0;
  return [
    ...(inside ? [`${declared} {`, ...contents(state, arrows, depth + 1), `${indent}}`] : [declared]),
    ...noteText(state, indent),
  ];
}

/** The programs, and what happens without leaving the state. */
function noteText({ id, invoke = [], on }: ChartState, indent: string): string[] {
  const runs = invoke.map((program) => `runs ${program.id}`);
  const inside = each(on)
    .filter(([, { target }]) => target.every((to) => isInside(to, id)))
    .map(([event, { target, guard, actions = [] }]) => {
      const leads = target.map((to) => to.slice(id.length + 1));
      return [labelOf(event, guard), ...leads.map((to) => `> ${to}`), ...actions.map((action) => `/ ${action}`)].join(
        ' ',
      );
    });
  const lines = [...runs, ...inside];
  if (lines.length === 0) return [];
  return [`${indent}note right of ${alias(id)}`, ...lines.map((line) => `${indent}  ${line}`), `${indent}end note`];
}

/** Mermaid takes no dots in names, and reads some words as its own: `state`, `end`, `note`. */
function alias(id: string): string {
  return id.replaceAll('.', '_');
}
