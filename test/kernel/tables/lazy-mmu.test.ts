import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { irqEnter, irqExit } from '../../../src/kernel/locking/preempt.ts';
import { enterLazyMmuMode, leaveLazyMmuMode, setEntry } from '../../../src/kernel/tables/lazy-mmu.ts';
import { pgtableAlloc } from '../../../src/kernel/tables/pgalloc.ts';
import { PAGE_KERNEL } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootCpu, complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';

function ready() {
  const { cpu, k } = bootCpu(boardPresets.get('one-block')!);
  const entry = physToVirt(k.space, complete(pgtableAlloc(cpu, k, 'boot')));
  const did = (operation: Parameters<typeof recorded<void>>[1]) => recorded(cpu, operation).did;
  return {
    cpu,
    k,
    set: (value: bigint, at = entry) => did(setEntry(cpu, k, at, value)),
    leave: () => did(leaveLazyMmuMode(cpu, k)),
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

  test('nested: the inner end emits what is due, and the rest of the outer section is as if outside', () => {
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
    const { k, set, leave } = ready();
    enterLazyMmuMode(k);
    expect(set(0n, FIXMAP + k.symbols.swapperPgDir + 8 * 300)).toEqual(['rmw', 'buffered', ...BARRIERS, 'rmw']); // swapper_pgdir_lock
    expect(leave()).toEqual([]);
  });
});
