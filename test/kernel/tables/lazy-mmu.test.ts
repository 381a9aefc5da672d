import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import type { Revision } from '../../../src/kernel/config.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { irqEnter, irqExit } from '../../../src/kernel/locking/preempt.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, queuePteBarriers, setEntry } from '../../../src/kernel/tables/lazy-mmu.ts';
import { pgtableAlloc } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';

function ready(revision: Revision = '6.18') {
  const { cpu, k, memory } = bootCpu(boardPresets.get('one-block')!, { revision });
  const entry = physToVirt(k.space, complete(pgtableAlloc(cpu, k, 'boot')));
  const did = (operation: Parameters<typeof recorded<void>>[1]) => recorded(cpu, operation).did;
  return {
    cpu,
    k,
    memory,
    set: (value: bigint, at = entry) => did(setEntry(cpu, k, at, value)),
    leave: () => did(leaveLazyMmuMode(cpu, k)),
    queue: (entries?: number) => did(queuePteBarriers(cpu, k, entries)),
  };
}

const BARRIERS = ['dsb ishst', 'isb'];

describe('lazy MMU mode', () => {
  test('outside of it a valid entry is followed by its barriers, an invalid one by nothing', () => {
    const { set } = ready();
    expect(set(PAGE_KERNEL)).toEqual(['buffered', ...BARRIERS]);
    expect(set(0n)).toEqual(['buffered']);
  });

  test('inside, one pair at the end makes up for all; where nothing valid was written, none', () => {
    const { k, set, leave } = ready();
    enterLazyMmuMode(k);
    expect([...set(PAGE_KERNEL), ...set(PAGE_KERNEL | 0x1000n)]).toEqual(['buffered', 'buffered']);
    expect(leave()).toEqual(BARRIERS);
    enterLazyMmuMode(k);
    set(0n);
    expect(leave()).toEqual([]);
  });

  test('nested, since 7.0: the inner end emits what is due, and the outer section goes on', () => {
    const { k, set, leave } = ready('7.1');
    enterLazyMmuMode(k);
    set(PAGE_KERNEL);
    enterLazyMmuMode(k);
    expect(leave()).toEqual(BARRIERS);
    expect(set(PAGE_KERNEL)).toEqual(['buffered']);
    expect(leave()).toEqual(BARRIERS);
    expect(set(PAGE_KERNEL)).toEqual(['buffered', ...BARRIERS]);
  });

  test('nested, 6.18: the inner end emits what is due, and the rest of the outer section is as if outside', () => {
    const { k, set, leave } = ready();
    enterLazyMmuMode(k);
    set(PAGE_KERNEL);
    enterLazyMmuMode(k);
    expect(leave()).toEqual(BARRIERS);
    expect(set(PAGE_KERNEL)).toEqual(['buffered', ...BARRIERS]);
    expect(leave()).toEqual([]);
  });

  test('an interrupt handler emits at once, and neither begins nor ends what the task is in', () => {
    const { cpu, k, set, leave } = ready();
    enterLazyMmuMode(k);
    set(PAGE_KERNEL);
    irqEnter(k, 'softirq');
    enterLazyMmuMode(k);
    expect(set(PAGE_KERNEL)).toEqual(['buffered', ...BARRIERS]);
    expect(leave()).toEqual([]);
    irqExit(cpu, k, 'softirq');
    expect(set(PAGE_KERNEL)).toEqual(['buffered']);
    expect(leave()).toEqual(BARRIERS);
    irqEnter(k, 'softirq');
    enterLazyMmuMode(k);
    irqExit(cpu, k, 'softirq');
    expect(set(PAGE_KERNEL)).toEqual(['buffered', ...BARRIERS]);
  });

  test('an entry of swapper_pg_dir itself is not put off', () => {
    const { k, memory, set, leave } = ready();
    enterLazyMmuMode(k);
    const slot = FIXMAP + k.symbols.swapperPgDir + 8 * 300;
    expect(set(0n, slot)).toEqual(['buffered', ...BARRIERS]); // rodata_is_rw
    exchange(memory, variablePa(k, 'system_state'), 1n);
    expect(set(0n, slot)).toEqual(['rmw', 'buffered', ...BARRIERS, 'rmw']); // swapper_pgdir_lock
    expect(leave()).toEqual([]);
  });
});

describe('queuePteBarriers, for as many entries as were written', () => {
  const pairs = (count: number): string[] => Array.from({ length: count }, () => BARRIERS).flat();

  test.each([0, 1, 3, 32])('outside the mode it is a DSB and an ISB for each: %i entries', (entries) => {
    const { k, queue, leave } = ready();
    expect(queue(entries)).toEqual(pairs(entries));
    expect(k.percpu.lazyMmuPending).toBe(false);
    expect(leave()).toEqual([]); // nothing of it is due a second time
  });

  test('one entry is what is meant where none are counted', () => {
    expect(ready().queue()).toEqual(pairs(1));
  });

  test('inside it notes that barriers are due, however many entries there were, and however often', () => {
    const { k, queue, leave } = ready();
    enterLazyMmuMode(k);
    expect([...queue(512), ...queue(), ...queue(7)]).toEqual([]);
    expect(k.percpu.lazyMmuPending).toBe(true);
    expect(leave()).toEqual(pairs(1));
    expect(k.percpu.lazyMmuPending).toBe(false);
  });

  test("an interrupt handler's are emitted one by one, and the task's stay due", () => {
    const { cpu, k, queue, leave } = ready();
    enterLazyMmuMode(k);
    queue();
    irqEnter(k, 'softirq');
    expect(queue(4)).toEqual(pairs(4));
    expect(k.percpu.lazyMmuPending).toBe(true);
    irqExit(cpu, k, 'softirq');
    expect(leave()).toEqual(pairs(1));
  });

  test('... and leave nothing due for a task that had nothing to wait for', () => {
    const { cpu, k, queue, leave } = ready();
    enterLazyMmuMode(k);
    irqEnter(k, 'softirq');
    expect(queue(2)).toEqual(pairs(2));
    irqExit(cpu, k, 'softirq');
    expect(leave()).toEqual([]);
  });
});

describe('leaveLazyMmuMode', () => {
  test('ends the mode, so that whatever comes next is not put off', () => {
    const { k, queue, leave } = ready();
    enterLazyMmuMode(k);
    expect(leave()).toEqual([]);
    expect({ on: k.percpu.lazyMmu, depth: k.percpu.lazyMmuDepth }).toEqual({ on: false, depth: 0 });
    expect(queue(2)).toEqual([...BARRIERS, ...BARRIERS]);
  });

  test('of an inner section ends the mode of the outer one too, which is still to be left', () => {
    const { k, queue, leave } = ready();
    enterLazyMmuMode(k);
    enterLazyMmuMode(k);
    queue(3);
    expect(leave()).toEqual(BARRIERS);
    expect({ on: k.percpu.lazyMmu, depth: k.percpu.lazyMmuDepth }).toEqual({ on: false, depth: 1 });
    expect(queue()).toEqual(BARRIERS);
    expect(leave()).toEqual([]);
    expect(k.percpu.lazyMmuDepth).toBe(0);
  });

  test('in a handler leaves mode, depth, and what is due of the interrupted task as they are', () => {
    const { cpu, k, queue, leave } = ready();
    enterLazyMmuMode(k);
    queue();
    irqEnter(k, 'softirq');
    expect(leave()).toEqual([]);
    irqExit(cpu, k, 'softirq');
    const { lazyMmu, lazyMmuPending, lazyMmuDepth } = k.percpu;
    expect({ lazyMmu, lazyMmuPending, lazyMmuDepth }).toEqual({ lazyMmu: true, lazyMmuPending: true, lazyMmuDepth: 1 });
    expect(leave()).toEqual(BARRIERS);
  });
});
