import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import {
  kernelMapPages,
  linearAliasRo,
  setDirectMapDefaultNoflush,
  setDirectMapInvalidNoflush,
  setDirectMapValidNoflush,
} from '../../../src/kernel/linear-map/pageattr.ts';
import { PTE_PRESENT_INVALID, PTE_RDONLY, PTE_VALID, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { leafOf } from '../leaf-of.ts';
import { maintenance, recorded } from '../recorded.ts';
import { LAZY, ONE_PAGE, ready, V7_1 } from './able-cpu.ts';

describe('set_direct_map_*_noflush()', () => {
  test('invalid and default flush nothing; default makes writable again', () => {
    const machine = ready('4K', true, V7_1);
    const { cpu, k, va, page } = machine;
    complete(linearAliasRo(cpu, k, va + page, 1));
    expect(maintenance(cpu, setDirectMapInvalidNoflush(cpu, k, va + page))).toEqual([]);
    complete(dsb(cpu, 'ishst')); // else it may be in the store buffer
    expect(leafOf(machine, va + page).value & (PTE_VALID | PTE_PRESENT_INVALID)).toBe(PTE_PRESENT_INVALID);
    expect(maintenance(cpu, setDirectMapDefaultNoflush(cpu, k, va + page))).toEqual(LAZY);
    expect(leafOf(machine, va + page).value & (PTE_VALID | PTE_PRESENT_INVALID | PTE_WRITE | PTE_RDONLY)).toBe(
      PTE_VALID | PTE_WRITE,
    );
  });

  test('valid flushes what it takes away, in spite of its name, and does not make writable', () => {
    const machine = ready();
    const { cpu, k, va, page } = machine;
    complete(linearAliasRo(cpu, k, va + page, 1));
    expect(maintenance(cpu, setDirectMapValidNoflush(cpu, k, va + page, 1, false))).toEqual(ONE_PAGE);
    complete(setDirectMapValidNoflush(cpu, k, va + page, 1, true));
    expect(leafOf(machine, va + page).value & (PTE_VALID | PTE_WRITE | PTE_RDONLY)).toBe(PTE_VALID | PTE_RDONLY);
  });

  test('do nothing, and say 0, where nobody may change single pages; a realm may', () => {
    for (const [config, changes] of [
      [{ rodata: 'off' }, false],
      [{ rodata: 'noalias', kfence: 'late' }, true],
      [{ rodata: 'off', realm: true }, true],
    ] as const) {
      const machine = ready('4K', true, config);
      const { cpu, k, va, page } = machine;
      for (const operation of [
        setDirectMapInvalidNoflush(cpu, k, va + page),
        setDirectMapDefaultNoflush(cpu, k, va + page),
        setDirectMapValidNoflush(cpu, k, va + page, 1, false),
      ]) {
        const { result, did } = recorded(cpu, operation);
        expect({ result, changes: did.length > 0 }).toEqual({ result: 0, changes });
      }
    }
  });
});

describe('__kernel_map_pages()', () => {
  test('with debug_pagealloc may be called from a softirq: nothing in it sleeps', () => {
    const board = resizedBoard(boardPresets.get('one-block')!, { cpus: 1 });
    const machine = bootCpu(board, { debugPagealloc: true });
    complete(finaliseSystemCapabilities(machine.cpu, machine.k));
    const sleeps: string[] = [];
    const cpu = {
      ...machine.cpu,
      observer: { ...nobody, mightSleep: (_: unknown, what: string) => sleeps.push(what) },
    };
    const { base } = board.memory[1]!;
    const va = physToVirt(machine.k.space, base + 16 * 4096);
    complete(kernelMapPages(cpu, machine.k, va, 1, false));
    expect(leafOf(machine, va).value & PTE_VALID).toBe(0n);
    complete(kernelMapPages(cpu, machine.k, va, 1, true));
    expect(leafOf(machine, va).value & PTE_VALID).toBe(PTE_VALID);
    expect(sleeps).toEqual([]);
  });
});
