import { describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { type ChartState, jsonOf, mermaidOf } from '../../machines/chart-text.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { soakMachine } from '../../machines/soak.machine.ts';
import { systemMachine } from '../../machines/system.machine.ts';
import { MARKS } from '../../src/kernel/marks.ts';

const charts = [
  ['cpu', jsonOf(cpuMachine), mermaidOf(cpuMachine)],
  ['system', jsonOf(systemMachine), mermaidOf(systemMachine)],
  ['soak', jsonOf(soakMachine), mermaidOf(soakMachine)],
] as [string, ChartState, string][];

function statesOf(root: ChartState): Map<string, ChartState> {
  const below = Object.values(root.states).flatMap((child) => [...statesOf(child)]);
  return new Map([[root.id, root], ...below]);
}

/** The states that some sequence of events can enter, guards aside. */
function reachable(root: ChartState): Set<string> {
  const all = statesOf(root);
  const entered = new Set<string>();
  const enter = (id: string): void => {
    const state = all.get(id);
    if (state === undefined) throw new Error(`a transition leads to ${id}, which does not exist`);
    if (entered.has(id)) return;
    entered.add(id);
    const outer = id.split('.').slice(0, -1).join('.');
    if (outer !== '') enter(outer);
    if (state.initial !== undefined) enter(state.initial);
    if (state.kind === 'parallel') for (const region of Object.values(state.states)) enter(region.id);
    for (const transitions of Object.values(state.on)) for (const { target } of transitions) target.forEach(enter);
  };
  enter(root.id);
  return entered;
}

describe.each(charts)('the chart of %s', (_name, json, mermaid) => {
  test('has no state that cannot be reached', () => {
    expect([...statesOf(json).keys()].filter((id) => !reachable(json).has(id))).toEqual([]);
  });

  test('names its events as something that has happened, and its states in lower case', () => {
    for (const state of statesOf(json).values()) {
      for (const event of Object.keys(state.on)) expect(event).toMatch(/^$|^\*$|^[a-zA-Z]+\.[a-zA-Z]+$|^xstate\./);
      for (const key of Object.keys(state.states)) expect(key).toMatch(/^[a-z][a-zA-Z0-9]*$/);
    }
  });

  test('names every guard and action', () => {
    const transitions = [...statesOf(json).values()].flatMap(({ on }) => Object.values(on).flat());
    for (const { guard, actions = [] } of transitions)
      for (const name of [guard ?? '', ...actions]) expect(name).not.toContain('unnamed');
  });

  test('is plain data as JSON', () => {
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
  });

  test('is Mermaid that declares every state once, closes what it opens, and joins only what it declared', () => {
    const lines = mermaid.split('\n').map((line) => line.trim());
    const declared = lines.flatMap((line) => /^state "\w+" as (\w+)( \{)?$/.exec(line)?.[1] ?? []);
    expect(declared).toEqual([...new Set(declared)]);
    expect(declared).toHaveLength(statesOf(json).size);
    expect(lines.filter((line) => line.endsWith('{'))).toHaveLength(lines.filter((line) => line === '}').length);
    expect(lines.filter((line) => line.startsWith('note '))).toHaveLength(
      lines.filter((line) => line === 'end note').length,
    );
    const ends = lines.flatMap((line) => /^(\S+) --> ([^\s:]+)(: .+)?$/.exec(line)?.slice(1, 3) ?? []);
    expect(ends.length).toBeGreaterThan(10);
    for (const end of ends) expect(['[*]', ...declared]).toContain(end);
  });

  test('joins no state with what is inside it, which Mermaid cannot draw', () => {
    for (const [, from, to] of mermaid.matchAll(/^ *(\S+) --> ([^\s:]+)/gm))
      expect(to!.startsWith(`${from}_`)).toBe(false);
  });
});

describe('the chart of cpu', () => {
  const events = new Set([...statesOf(jsonOf(cpuMachine)).values()].flatMap(({ on }) => Object.keys(on)));

  test('knows every mark that the kernel makes', () => {
    expect(MARKS.filter((mark) => !events.has(mark))).toEqual([]);
  });

  test('is the same text every time', () => {
    expect(mermaidOf(cpuMachine)).toBe(mermaidOf(cpuMachine));
    expect(JSON.stringify(jsonOf(cpuMachine))).toBe(JSON.stringify(jsonOf(cpuMachine.provide({}))));
  });
});

describe('a small chart', () => {
  const machine = createMachine({
    id: 'lamp',
    initial: 'off',
    states: {
      off: { on: { 'switch.pressed': { target: 'on', guard: 'hasPower' }, 'bulb.changed': { actions: 'count' } } },
      on: {
        type: 'parallel',
        on: { 'switch.pressed': 'broken', 'lamp.dimmed': '.light.dim' },
        states: {
          light: { initial: 'bright', states: { bright: {}, dim: {} } },
          heat: {
            invoke: { src: 'glow', id: 'glow' },
            initial: 'cold',
            states: { cold: { always: 'warm' }, warm: {} },
          },
        },
      },
      broken: { type: 'final' },
    },
  });

  test('as Mermaid', () => {
    expect(mermaidOf(machine)).toBe(`stateDiagram-v2
  state "lamp" as lamp {
    state "off" as lamp_off
    note right of lamp_off
      bulb.changed / count
    end note
    state "on" as lamp_on {
      state "light" as lamp_on_light {
        state "bright" as lamp_on_light_bright
        state "dim" as lamp_on_light_dim
        [*] --> lamp_on_light_bright
      }
      --
      state "heat" as lamp_on_heat {
        state "cold" as lamp_on_heat_cold
        state "warm" as lamp_on_heat_warm
        [*] --> lamp_on_heat_cold
        lamp_on_heat_cold --> lamp_on_heat_warm
      }
      note right of lamp_on_heat
        runs glow
      end note
    }
    note right of lamp_on
      lamp.dimmed > light.dim
    end note
    state "broken" as lamp_broken
    [*] --> lamp_off
    lamp_off --> lamp_on: switch.pressed [hasPower]
    lamp_on --> lamp_broken: switch.pressed
    lamp_broken --> [*]
  }
`);
  });

  test('as JSON', () => {
    const json = jsonOf(machine);
    expect(json).toMatchObject({ id: 'lamp', kind: 'compound', initial: 'lamp.off' });
    expect(json.states.off!.on).toEqual({
      'switch.pressed': [{ target: ['lamp.on'], guard: 'hasPower' }],
      'bulb.changed': [{ target: [], actions: ['count'] }],
    });
    expect(json.states.on!.kind).toBe('parallel');
    expect(json.states.on!.states.heat!.invoke).toEqual([{ id: 'glow', src: 'glow' }]);
    expect(json.states.on!.states.heat!.states.cold!.on).toEqual({ '': [{ target: ['lamp.on.heat.warm'] }] });
    expect(json.states.broken!.kind).toBe('final');
  });
});
