import { describe, expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import {
  type RoundInput,
  type RoundVerdict,
  type SoakEvent,
  type SoakInput,
  soakMachine,
} from '../../machines/soak.machine.ts';
import { statePath } from '../../machines/state-path.ts';

/** A soak whose rounds end when the test says so. */
function soak(input: SoakInput = {}) {
  const rounds: { round: number; signal: AbortSignal; end: (verdict: RoundVerdict) => void; fail: () => void }[] = [];
  const summaries: unknown[] = [];
  const machine = soakMachine.provide({
    actors: {
      round: fromPromise<RoundVerdict, RoundInput>(({ input: { round }, signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<RoundVerdict>();
        rounds.push({ round, signal, end: resolve, fail: () => reject(new Error('no board')) });
        return promise;
      }),
      summary: fromPromise(async ({ input: summary }) => {
        summaries.push(summary);
      }),
    },
  });
  const actor = createActor(machine, { input });
  actor.subscribe({ error: () => {} });
  actor.start();
  const send = (...types: SoakEvent['type'][]): void => {
    for (const type of types) actor.send({ type });
  };
  const end = async (verdict: RoundVerdict): Promise<void> => {
    rounds.at(-1)!.end(verdict);
    await settled();
  };
  return { actor, rounds, summaries, send, end, state: () => statePath(actor.getSnapshot()) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a soak', () => {
  test('runs nothing before it is started', () => {
    const { rounds, state } = soak();
    expect(state()).toBe('idle');
    expect(rounds).toEqual([]);
  });

  test('takes each round through its stages', async () => {
    const { send, state, rounds, end } = soak();
    const states: string[] = [];
    for (const type of ['soak.started', 'round.prepared', 'round.acted'] as const) {
      send(type);
      states.push(state());
    }
    expect(states).toEqual(['running: preparing', 'running: acting', 'running: judging']);
    await end('good');
    expect(state()).toBe('running: preparing');
    expect(rounds.map(({ round }) => round)).toEqual([0, 1]);
  });

  test('ends after the rounds it was given, with a summary', async () => {
    const { actor, send, end, summaries, rounds } = soak({ rounds: 3 });
    send('soak.started');
    for (const verdict of ['good', 'inconclusive', 'good'] as const) await end(verdict);
    expect(rounds).toHaveLength(3);
    expect(summaries).toEqual([{ done: 3, inconclusive: 1 }]);
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', value: 'done', output: { done: 3, inconclusive: 1 } });
  });

  test('goes on where an earlier one was interrupted', async () => {
    const { send, rounds, end, state } = soak({ rounds: 12, done: 11 });
    send('soak.started');
    expect(rounds.map(({ round }) => round)).toEqual([11]);
    await end('good');
    expect(state()).toBe('done');
  });

  test.each(['time.over', 'soak.cancelled'] as const)('stops the round under way on %s, and sums up', async (type) => {
    const { send, rounds, summaries, state, end } = soak();
    send('soak.started');
    await end('good');
    send(type);
    expect(state()).toBe('summarising');
    expect(rounds[1]!.signal.aborted).toBe(true);
    await settled();
    expect(state()).toBe('done');
    expect(summaries).toEqual([{ done: 1, inconclusive: 0 }]);
  });

  test('that is paused finishes its round and begins no other until it is resumed', async () => {
    const { send, rounds, end, state } = soak();
    send('soak.started', 'soak.paused');
    expect(state()).toBe('running: preparing · holding');
    await end('good');
    expect(state()).toBe('running: next · holding');
    expect(rounds).toHaveLength(1);
    send('soak.resumed');
    expect(state()).toBe('running: preparing');
    expect(rounds).toHaveLength(2);
  });

  test('that is paused still obeys the clock and whoever cancels it', () => {
    for (const type of ['time.over', 'soak.cancelled'] as const) {
      const { send, state } = soak();
      send('soak.started', 'soak.paused', type);
      expect(state()).toBe('summarising');
    }
  });

  test('fails with the first violation, and starts no further round', async () => {
    const { actor, send, end, rounds, state } = soak({ rounds: 3 });
    send('soak.started');
    await end('good');
    await end('violated');
    expect(state()).toBe('failed');
    expect(rounds).toHaveLength(2);
    expect(actor.getSnapshot().output).toEqual({ done: 2, inconclusive: 0 });
  });

  test('is broken, not failed, when a round cannot be run', async () => {
    const { send, rounds, state } = soak();
    send('soak.started');
    rounds[0]!.fail();
    await settled();
    expect(state()).toBe('broken');
  });

  test('does not accept what makes no sense', () => {
    const { actor, send } = soak();
    const refuses = (type: SoakEvent['type']): boolean => !accepts(actor.getSnapshot(), { type });
    for (const type of ['round.prepared', 'soak.paused', 'soak.resumed', 'time.over'] as const)
      expect(refuses(type)).toBe(true);
    send('soak.started');
    for (const type of ['soak.started', 'round.acted', 'soak.resumed'] as const) expect(refuses(type)).toBe(true);
  });
});
