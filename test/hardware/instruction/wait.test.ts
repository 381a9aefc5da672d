import { describe, expect, it } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { compareAndSwap, loadAdd, loadExclusive, store } from '../../../src/hardware/instruction/load-store.ts';
import { relaxWhile, sevl, wfe } from '../../../src/hardware/instruction/wait.ts';
import { KERNEL, pointOf, run, sharedPage } from '../small-machine.ts';

describe('WFE', () => {
  it('returns at once after SEVL, and only once', () => {
    const { a } = sharedPage(0n);
    run(loadExclusive(a, KERNEL));
    sevl(a);
    run(wfe(a, 'test'));
    expect(pointOf(wfe(a, 'test'))).toMatchObject({ kind: 'wait', reason: 'test' });
  });

  it.each<[string, (cpu: Cpu) => void]>([
    ['a store', (cpu) => run(store(cpu, KERNEL, 6n))],
    ['an atomic add', (cpu) => void run(loadAdd(cpu, KERNEL, 1n))],
    ['a compare-and-swap', (cpu) => void run(compareAndSwap(cpu, KERNEL, 5n, 6n))],
  ])('wakes on %s of another CPU to the word its load-exclusive armed', async (_, change) => {
    const { a, b } = sharedPage(5n);
    expect(run(loadExclusive(a, KERNEL))).toBe(5n);
    const { word, expected } = pointOf(wfe(a, 'test'));
    expect(a.memory.int32[word]).toBe(expected);
    const woken = Atomics.waitAsync(a.memory.int32, word, expected, 5000);
    change(b);
    expect(a.memory.int32[word]).not.toBe(expected);
    expect(await woken.value).toBe('ok');
  });

  it('sleeps on through stores to other words', () => {
    const { a, b } = sharedPage(5n);
    run(loadExclusive(a, KERNEL));
    const { word, expected } = pointOf(wfe(a, 'test'));
    run(store(b, KERNEL + 8, 6n));
    expect(a.memory.int32[word]).toBe(expected);
  });

  it('has a polite spin beside it that names the word it spins on', () => {
    const { a } = sharedPage(5n);
    const { word, expected, address } = pointOf(relaxWhile(a, KERNEL, 5n, 'test'));
    expect([a.memory.int32[word], expected, address]).toEqual([5, 5, KERNEL]);
  });
});
