import { describe, expect, test } from 'vitest';
import { GiB, MiB } from '../../../src/hardware/board/board.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { type LockUse, nobody } from '../../../src/hardware/observer.ts';
import { physToVirt, virtToPhys } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { EBUSY } from '../../../src/kernel/errno.ts';
import { archAddMemory, archRemoveMemory } from '../../../src/kernel/linear-map/memory-hotplug.ts';
import { LOCK_NAMES } from '../../../src/kernel/locking/lock-class.ts';
import { rangeEnd, ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { PTE_NG } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { counted, recorded } from '../recorded.ts';

const tlbis = (did: readonly string[]): string[] =>
  counted(did.filter((each) => each.startsWith('tlbi')).map((each) => each.replace(/^tlbi | 0x.*/g, '')));

/** A CPU with BBML2, alone, and 32 MiB that are not there yet: one contiguous group of blocks, below a table of its own. */
function ready(config: Partial<KernelConfig> = {}) {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus: 1 });
  const booted = bootCpu(board, config);
  const { cpu, k, memory, tree } = booted;
  complete(finaliseSystemCapabilities(cpu, k));
  const pa = 2 * GiB;
  const va = physToVirt(k.space, pa);
  return {
    cpu,
    k,
    memory,
    tree,
    va,
    add: (bytes = 32 * MiB) => complete(archAddMemory(cpu, k, pa, bytes)),
    remove: (from: number, bytes: number) => complete(archRemoveMemory(cpu, k, pa + from, bytes)),
    flushes: () => tlbis(recorded(cpu, archRemoveMemory(cpu, k, pa, 32 * MiB)).did),
    leaves: () =>
      ranges(memory, tree)
        .filter((range) => range.va < va + 64 * MiB && rangeEnd(range) > va)
        .map(({ level, contiguous, bytes, count }) => [level, contiguous, (bytes * count) / MiB]),
    tables: () => allocatedFrames(memory).now,
  };
}

describe('arch_add_memory()', () => {
  test('maps with the largest leaves where the system has BBML2, and never for execution', () => {
    const { cpu, k, va, add, leaves } = ready();
    add();
    expect(leaves()).toEqual([[2, true, 32]]);
    expect(complete(load(cpu, va + 32 * MiB - 8))).toBeTypeOf('bigint');
    expect(k.percpu.preemptDisabledBy).toEqual([]);
  });

  test.each([false, true])('maps what is global only where the rest of the kernel is: kpti %s', (kpti) => {
    const { memory, tree, va, add } = ready({ kpti });
    add();
    const added = ranges(memory, tree).filter((range) => range.va >= va && range.va < va + 32 * MiB);
    expect(added.length).toBeGreaterThan(0);
    for (const { descriptor } of added) expect((descriptor & PTE_NG) !== 0n).toBe(kpti);
  });

  test('keeps other hotplug out, and then whoever else makes mappings', () => {
    const { cpu, k, va } = ready();
    const locks: string[] = [];
    const note = (what: string, { lockClass }: LockUse): number => locks.push(`${what} ${LOCK_NAMES[lockClass]}`);
    const observer = {
      ...nobody,
      lockAcquire: (_: unknown, use: LockUse) => void note('takes', use),
      lockRelease: (_: unknown, use: LockUse) => void note('gives', use),
    };
    complete(archAddMemory({ ...cpu, observer }, k, virtToPhys(k.space, va), 32 * MiB));
    expect(locks).toEqual([
      'takes mem_hotplug_lock',
      'takes fixmap_lock',
      'gives fixmap_lock',
      'gives mem_hotplug_lock',
    ]);
  });

  test.each([['debug_pagealloc', { debugPagealloc: true }]])(
    'maps with pages where pages may have to change and cannot be split: %s',
    (_, config) => {
      const { add, leaves } = ready(config);
      add();
      expect(leaves()).toEqual([[3, false, 32]]);
    },
  );
});

describe('arch_remove_memory()', () => {
  test.each([{}, { debugPagealloc: true }])('leaves nothing mapped, and no table behind: %o', (config) => {
    const { cpu, va, add, remove, leaves, tables } = ready(config);
    const before = tables();
    add();
    expect(tables()).toBeGreaterThan(before);
    expect(remove(0, 32 * MiB)).toBe(0);
    expect(leaves()).toEqual([]);
    expect(tables()).toBe(before);
    expect(() => complete(load(cpu, va))).toThrow(/halt/);
  });

  test('6.18 flushes leaf by leaf, 7.1 the range at once; each table then goes with a flush of its own', () => {
    const flushes = (revision: '6.18' | '7.1'): string[] => {
      const machine = ready({ revision });
      machine.add();
      return machine.flushes();
    };
    expect(flushes('6.18')).toEqual(['vaale1is x16', 'vaae1is']);
    expect(flushes('7.1').filter((each) => each.startsWith('vaae1is'))).toEqual(['vaae1is']);
    expect(flushes('7.1').length).toBeLessThan(5);
  });

  test('since 7.1 refuses a part of a block, or of a contiguous group, at either end; it stays as it was', () => {
    const { add, remove, leaves } = ready({ revision: '7.1' });
    add();
    for (const [from, bytes] of [
      [0, 1 * MiB],
      [0, 2 * MiB],
      [2 * MiB, 30 * MiB],
      [31 * MiB, 1 * MiB],
    ] as const)
      expect(remove(from, bytes)).toBe(-EBUSY);
    expect(leaves()).toEqual([[2, true, 32]]);
    expect(remove(0, 32 * MiB)).toBe(0);
  });

  test('of single blocks takes each that is asked for, and keeps the table for the others', () => {
    const { add, remove, leaves, tables } = ready({ revision: '7.1' });
    add(6 * MiB);
    const before = tables();
    expect(leaves()).toEqual([[2, false, 6]]);
    expect(remove(2 * MiB, 2 * MiB)).toBe(0);
    expect(leaves()).toEqual([
      [2, false, 2],
      [2, false, 2],
    ]);
    expect(tables()).toBe(before);
  });
});
