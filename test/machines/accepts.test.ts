import { describe, expect, test } from 'vitest';
import { createActor, createMachine, setup } from 'xstate';
import { accepts } from '../../machines/accepts.ts';

const machine = setup({
  types: { context: {} as { open: boolean }, events: {} as { type: string } },
  guards: { isOpen: ({ context }) => context.open },
  actions: { takeNote: () => {} },
}).createMachine({
  context: { open: false },
  on: { 'from.anywhere': { actions: 'takeNote' }, 'but.notHere': { actions: 'takeNote' } },
  initial: 'first',
  states: {
    first: {
      on: {
        'goes.on': 'second',
        'is.guarded': { guard: 'isOpen', target: 'second' },
        'is.noted': { actions: 'takeNote' },
        'is.forbidden': {},
        'but.notHere': {},
        'starts.over': { target: 'first', reenter: true },
      },
    },
    second: { type: 'final' },
  },
});

describe('a chart accepts an event', () => {
  const snapshot = createActor(machine).start().getSnapshot();
  const ask = (type: string): boolean => accepts(snapshot, { type });

  test('that leads somewhere, be it to the same state', () => {
    expect(ask('goes.on')).toBe(true);
    expect(ask('starts.over')).toBe(true);
  });

  test('that it only takes note of', () => {
    expect(ask('is.noted')).toBe(true);
  });

  test('that an outer state knows', () => {
    expect(ask('from.anywhere')).toBe(true);
  });

  test('but none that it does not know, forbids, or guards against', () => {
    for (const type of ['nobody.knows', 'is.forbidden', 'is.guarded']) expect(ask(type)).toBe(false);
  });

  test('but none that an inner state takes away from an outer one', () => {
    expect(ask('but.notHere')).toBe(false);
  });

  test('but nothing once it has ended', () => {
    const actor = createActor(machine).start();
    actor.send({ type: 'goes.on' });
    for (const type of ['goes.on', 'from.anywhere']) expect(accepts(actor.getSnapshot(), { type })).toBe(false);
  });

  test('when one region does, whatever the others say', () => {
    const regions = createMachine({
      type: 'parallel',
      states: {
        left: { initial: 'a', states: { a: { on: { 'known.left': 'b', 'known.both': {} } }, b: {} } },
        right: { initial: 'a', states: { a: { on: { 'known.both': 'b' } }, b: {} } },
      },
    });
    const both = createActor(regions).start().getSnapshot();
    expect(accepts(both, { type: 'known.left' })).toBe(true);
    expect(accepts(both, { type: 'known.both' })).toBe(true);
    expect(accepts(both, { type: 'known.nowhere' })).toBe(false);
  });

  test('and asking changes nothing', () => {
    expect(snapshot.value).toBe('first');
    expect(ask('goes.on')).toBe(ask('goes.on'));
  });
});
