import { describe, expect, it } from 'vitest';
import { GRANULE_4K, GRANULE_16K, GRANULE_64K } from '../../../src/arch/granule.ts';
import type { TlbiName } from '../../../src/arch/tlbi.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { catchUp } from '../../../src/hardware/tlbi/maintenance.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { translate } from '../../../src/hardware/translation/access.ts';
import { lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import { lookupTable } from '../../../src/hardware/translation/walk-cache.ts';
import { entryOf, KERNEL, MIB2, map, newData, PAGE, run, smallMachine, translateBy } from '../small-machine.ts';

const READ = 1;
const FEATURES = boardPresets.get('tiny-2')!.cpus[0]!.features;
const ASID = 7;
const OTHER_ASID = 8;
/** Begins a page of every granule, and a block of 2M. */
const VA = KERNEL + 4 * MIB2;

/** What one CPU, under ASID 7, has left of its walk for VA, whose leaf is global, after a TLBI of the other CPU. */
function left(name: TlbiName, operand: bigint, ttl = true): { leaf: boolean; tables: number[] } {
  const machine = smallMachine({ model: { features: { ...FEATURES, ttl } } });
  const [cpu, other] = machine.cpus as [Cpu, Cpu];
  map(machine, VA, newData(machine.memory, 1n));
  translateBy(cpu, machine.root, 0, ASID);
  expect(translate(cpu, VA, READ)).toBeGreaterThan(0);
  for (const level of [1, 2] as const) cacheTable(cpu, level);
  run(tlbi(other, name, operand));
  run(dsb(other, 'ish'));
  catchUp(cpu);
  return {
    leaf: lookup(cpu.tlb, VA, ASID) !== MISS,
    tables: [1, 2, 3].filter((level) => lookupTable(cpu.walkCache, VA, level, 48 - 9 * level, ASID) >= 0),
  };
}

/** The walk cache also holds the table of `level`: a walk ended there while the entry below it was invalid. */
function cacheTable(cpu: Cpu, level: 1 | 2): void {
  const entry = entryOf(cpu.memory, cpu.regime1!.root, VA + 2 ** (48 - 9 * (level + 1)), level);
  exchange(cpu.memory, entry, 0n);
  translate(cpu, VA + 2 ** (48 - 9 * (level + 1)), READ);
}

const ALL = { leaf: true, tables: [1, 2, 3] };
const NONE = { leaf: false, tables: [] };
const LEAF_GONE = { leaf: false, tables: [1, 2, 3] };

describe('a range', () => {
  const range = (granule: typeof GRANULE_4K, ttl = 0): bigint => encodeRangeOperand(VA, 0, 0, granule, ASID, ttl);

  it('of this granule removes what it names', () => {
    expect(left('rvae1is', range(GRANULE_4K))).toEqual(NONE);
    expect(left('rvale1is', range(GRANULE_4K))).toEqual(LEAF_GONE);
  });

  it.each([GRANULE_16K, GRANULE_64K])(
    'of another granule need remove nothing, and removes nothing ($name)',
    (granule) => {
      for (const name of ['rvae1is', 'rvaae1is', 'rvale1is', 'rvaale1is'] as const)
        expect(left(name, range(granule))).toEqual(ALL);
    },
  );

  it('of a reserved granule removes nothing', () => {
    expect(left('rvaae1is', range(GRANULE_4K) & ~(3n << 46n))).toEqual(ALL);
  });

  it('with the right level removes what it names, with a wrong one leaves the leaf', () => {
    expect(left('rvaae1is', range(GRANULE_4K, 3))).toEqual(NONE);
    expect(left('rvaae1is', range(GRANULE_4K, 2))).toEqual({ leaf: true, tables: [3] });
  });

  it('whose level does not begin where the range does removes nothing', () => {
    const behind = encodeRangeOperand(VA - PAGE, 0, 0, GRANULE_4K, ASID, 2);
    expect(left('rvaae1is', behind)).toEqual(ALL);
    expect(left('rvaae1is', encodeRangeOperand(VA - PAGE, 0, 0, GRANULE_4K, ASID, 3))).toEqual(NONE);
  });
});

describe('an address', () => {
  it('without a hint is removed whatever the granule', () => {
    expect(left('vae1is', encodeVaOperand(VA, ASID))).toEqual(NONE);
  });

  it('with the right hint is removed, with a wrong level or granule it need not be, and is not', () => {
    expect(left('vae1is', encodeVaOperand(VA, ASID, 3, GRANULE_4K))).toEqual(NONE);
    expect(left('vae1is', encodeVaOperand(VA, ASID, 2, GRANULE_4K))).toEqual({ leaf: true, tables: [3] });
    expect(left('vae1is', encodeVaOperand(VA, ASID, 3, GRANULE_64K))).toEqual(ALL);
    expect(left('vaale1is', encodeVaOperand(VA, 0, 3, GRANULE_16K))).toEqual(ALL);
  });

  it('with a hint that says nothing is removed: level 0 of 4K, level 1 of 16K', () => {
    expect(left('vae1is', encodeVaOperand(VA, ASID) | (0b0100n << 44n))).toEqual(NONE);
    expect(left('vae1is', encodeVaOperand(VA, ASID) | (0b1001n << 44n))).toEqual(NONE);
    expect(left('vae1is', encodeVaOperand(VA, ASID) | (0b0011n << 44n))).toEqual(NONE);
  });

  it('on a CPU without FEAT_TTL has no hint', () => {
    expect(left('vae1is', encodeVaOperand(VA, ASID, 2, GRANULE_64K), false)).toEqual(NONE);
  });
});

describe('an ASID', () => {
  it('that is another removes a global leaf, and leaves the tables above it: those are never global', () => {
    expect(left('vae1is', encodeVaOperand(VA, OTHER_ASID))).toEqual(LEAF_GONE);
    expect(left('rvae1is', encodeRangeOperand(VA, 0, 0, GRANULE_4K, OTHER_ASID))).toEqual(LEAF_GONE);
    expect(left('vaae1is', encodeVaOperand(VA, OTHER_ASID))).toEqual(NONE);
  });

  it('alone removes its tables, and no global leaf', () => {
    expect(left('aside1is', BigInt(ASID) << 48n)).toEqual({ leaf: true, tables: [] });
    expect(left('aside1is', BigInt(OTHER_ASID) << 48n)).toEqual(ALL);
  });

  it('does not matter to operations of the last level only: they leave tables alone', () => {
    for (const asid of [ASID, OTHER_ASID]) expect(left('vale1is', encodeVaOperand(VA, asid))).toEqual(LEAF_GONE);
  });
});
