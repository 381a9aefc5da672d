import { expect } from 'vitest';
import { bbm } from '../../../src/check/break-before-make/bbm.ts';
import { standardProperties } from '../../../src/check/standard.ts';
import type { BbmClass, Granule } from '../../../src/hardware/board/board.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { isb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { ROOT1_CACHED } from '../../../src/hardware/translation/early-translation.ts';
import { dropAllTables } from '../../../src/hardware/translation/walk-cache.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { block, change, entryAt, leafTable, put, type Rig, rigOf, run, said } from '../rig.ts';

export const GiB = 2 ** 30;
export const PA = 16 * GiB;

/** CPU 0 may change sizes in place; CPU 1, the weak one, has cached a block and then left the tables. */
export interface Away {
  readonly rig: Rig;
  readonly painter: Cpu;
  readonly weak: Cpu;
  readonly entry: number;
  readonly va: number;
}

export interface AwayOptions {
  readonly weakest?: BbmClass;
  readonly granule?: Granule;
  /** Level and value of the entry that the weak CPU has cached. */
  readonly level?: number;
  readonly before?: bigint;
  readonly all?: boolean;
}

export function away({ weakest = 'level0', granule = '4K', level = 2, before, all = false }: AwayOptions = {}): Away {
  const rig = rigOf({ classes: ['level3', weakest], granule, properties: all ? standardProperties : [bbm] });
  const [painter, weak] = rig.cpus as [Cpu, Cpu];
  const va = rig.k.space.pageOffset + PA;
  const entry = entryAt(rig, va, level);
  put(rig, entry, before ?? block(PA));
  if (before !== 0n) run(load(weak, va));
  leave(rig, weak);
  return { rig, painter, weak, entry, va };
}

/**
 * The CPU leaves the tables, and keeps what it has of them in its TLB. Its walk cache is emptied by chance: where it need not be, the change
 * that follows is one too many, and not the return.
 */
export function leave({ k }: Rig, cpu: Cpu): void {
  run(msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.reservedPgDir)));
  run(isb(cpu));
  dropAllTables(cpu.walkCache);
  cpu.doubles[ROOT1_CACHED] = -1;
}

export function comeBack({ rig, weak }: Pick<Away, 'rig' | 'weak'>): void {
  run(msr(weak, 'TTBR1_EL1', ttbr(rig.root)));
  run(isb(weak));
}

/** The change that nobody who could walk there minds. */
export function split({ rig, painter, entry }: Away): void {
  change(painter, entry, leafTable(rig, 3, PA));
  expect(said(rig)).toEqual([]);
}
