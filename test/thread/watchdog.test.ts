import { describe, expect, test } from 'vitest';
import { STATUS_RUNNING } from '../../actors/thread/protocol.ts';
import { createWatchdog, PATIENCE } from '../../actors/thread/watchdog.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { createMachine } from '../../src/hardware/system.ts';
import { CPU_STATUS } from '../../src/hardware/tlbi/dvm.ts';

const STALL = 100;

/** A machine whose CPU 0 runs, and what a watchdog says of a machine that looks like this at these times. */
function watch(looks: readonly [nowMs: number, movement: string, news: string, starting?: boolean][]) {
  const machine = createMachine(boardPresets.get('tiny-2')!, { poolFrames: 8 });
  new Int32Array(machine.memory.buffer, machine.layout.cpuWords)[CPU_STATUS] = STATUS_RUNNING;
  const watchdog = createWatchdog(machine, STALL);
  return looks.map(
    ([nowMs, movement, news, starting = false]) => watchdog(nowMs, { starting, movement, news })?.message,
  );
}

describe('the watchdog', () => {
  test('says nothing while something moves and something is new', () => {
    const looks = Array.from({ length: 40 }, (_, i) => [i * 90, `${i}`, `${i}`] as [number, string, string]);
    expect(watch(looks).filter((said) => said !== undefined)).toEqual([]);
  });

  test('calls a machine in which nothing moves stalled, in time and not before', () => {
    expect(
      watch([
        [5, 'a', 'a'],
        [104, 'a', 'a'],
        [105, 'a', 'a'],
      ]),
    ).toEqual([undefined, undefined, expect.stringMatching(/^CPU 0 has not got anywhere for 100 ms/)]);
  });

  test('counts anew when something has moved', () => {
    expect(
      watch([
        [0, 'a', 'a'],
        [99, 'b', 'a'],
        [198, 'b', 'a'],
        [199, 'b', 'a'],
      ]).map(Boolean),
    ).toEqual([false, false, false, true]);
  });

  test('calls a machine that only moves a repetition, much later, unless there are news', () => {
    const looks = (newsAt: number): [number, string, string][] =>
      Array.from({ length: 2 * PATIENCE + 1 }, (_, i) => [i * 50, `${i}`, i >= newsAt ? 'b' : 'a']);
    const [last, ...before] = watch(looks(Number.POSITIVE_INFINITY)).reverse();
    expect(before.filter((said) => said !== undefined)).toEqual([]);
    expect(last).toMatch(/^CPU 0 has only repeated what was done before for 1000 ms/);
    expect(watch(looks(2 * PATIENCE)).filter((said) => said !== undefined)).toEqual([]);
  });

  test('is patient with a host that starts workers, and not for ever', () => {
    const end = PATIENCE * STALL;
    expect(
      watch([
        [0, 'a', 'a', true],
        [end - 1, 'a', 'a', true],
        [end, 'a', 'a', true],
      ]).map(Boolean),
    ).toEqual([false, false, true]);
  });
});
