import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GRANULE_4K, GRANULE_16K, GRANULE_64K } from '../../../src/arch/granule.ts';
import { TLBI, TLBI_OPERATIONS, type TlbiName } from '../../../src/arch/tlbi.ts';
import {
  decodeRangeOperand,
  decodeVaOperand,
  encodeRangeOperand,
  encodeVaOperand,
  type TlbiExtent,
} from '../../../src/arch/tlbi-operand.ts';
import { coversEntry, type TlbEntryScope } from '../../../src/arch/tlbi-scope.ts';
import { lookup, MISS, SEVERAL } from '../../../src/hardware/translation/tlb.ts';
import { asidOf, GLOBAL, shiftOf, tagOf } from '../../../src/hardware/translation/tlb-entry.ts';
import { putTable } from '../../../src/hardware/translation/walk-cache.ts';
import { KERNEL, MIB2, PAGE, smallMachine } from '../small-machine.ts';
import { invalidate, LEVELS, leavesOf, put, ROOMY, SHIFTS, tablesOf } from './filled-tlb.ts';

describe('against a naive TLB', () => {
  const asids = fc.constantFrom(5, 6);
  const address = fc
    .record({ half: fc.constantFrom(KERNEL, 0), gib: fc.nat(1), block: fc.nat(3), page: fc.nat(40) })
    .map(({ half, gib, block, page }) => half + gib * 2 ** 30 + block * MIB2 + page * PAGE);
  const leaf = fc.record({
    va: address,
    shift: fc.constantFrom(...SHIFTS),
    asid: fc.oneof(asids, fc.constant(GLOBAL)),
  });
  const table = fc.record({ va: address, level: fc.constantFrom(1, 2, 3), asid: asids });
  const operation = fc
    .record({
      name: fc.constantFrom(...TLBI_OPERATIONS.map(({ name }) => name)),
      va: address,
      asid: asids,
      ttl: fc.nat(3),
      NUM: fc.nat(31),
      SCALE: fc.nat(2),
      granule: fc.oneof({ weight: 4, arbitrary: fc.constant(GRANULE_4K) }, fc.constantFrom(GRANULE_16K, GRANULE_64K)),
    })
    .map(({ name, va, asid, ttl, NUM, SCALE, granule }) => {
      if (!TLBI[name].byVa) return { name, operand: BigInt(asid) << 48n };
      if (!TLBI[name].range) return { name, operand: encodeVaOperand(va, asid, ttl, granule) };
      return { name, operand: encodeRangeOperand(va, NUM, SCALE, granule, asid, ttl) };
    });
  const step = fc.oneof(
    { weight: 4, arbitrary: leaf.map((made) => ({ leaf: made })) },
    { weight: 2, arbitrary: table.map((made) => ({ table: made })) },
    { weight: 2, arbitrary: operation.map((made) => ({ operation: made })) },
    { weight: 4, arbitrary: fc.record({ va: address, asid: asids }).map((made) => ({ lookup: made })) },
  );

  const byText = (a: TlbEntryScope, b: TlbEntryScope): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

  function extentOf(name: TlbiName, operand: bigint): TlbiExtent {
    if (TLBI[name].range) return decodeRangeOperand(operand);
    return decodeVaOperand(operand);
  }

  it('any sequence of fills, lookups and TLBIs finds and removes the same', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cpu = smallMachine({ ...ROOMY, poolFrames: 1 }).cpus[0]!;
        const { tlb, walkCache } = cpu;
        let naive: TlbEntryScope[] = [];
        for (const next of steps) {
          if ('leaf' in next) {
            const { va, shift, asid } = next.leaf;
            put(tlb, va, shift, asid);
            const start = Math.floor(va / 2 ** shift) * 2 ** shift;
            const entry: TlbEntryScope = {
              va: start,
              sizeShift: shift,
              level: LEVELS[shift]!,
              leaf: true,
              granule: GRANULE_4K,
              global: asid === GLOBAL,
              asid,
            };
            naive = naive.filter((old) => old.va !== start || old.sizeShift !== shift || old.asid !== asid);
            naive.push(entry);
          } else if ('table' in next) {
            const { va, level, asid } = next.table;
            putTable(walkCache, va, level, 12 + 9 * (4 - level), asid, 0x4000_0000, 0);
          } else if ('operation' in next) {
            const { name, operand } = next.operation;
            const stays = (entry: TlbEntryScope): boolean => !coversEntry(TLBI[name], extentOf(name, operand), entry);
            const tables = tablesOf(walkCache).filter(stays);
            invalidate(cpu, name, operand);
            naive = naive.filter(stays);
            expect(tablesOf(walkCache)).toEqual(tables);
          } else {
            const { va, asid } = next.lookup;
            const wanted = naive
              .filter((entry) => va >= entry.va && va < entry.va + 2 ** entry.sizeShift)
              .filter((entry) => entry.global || entry.asid === asid);
            const way = lookup(tlb, va, asid);
            const ways = way === MISS ? [] : way === SEVERAL ? [...tlb.matched.subarray(0, tlb.matchCount)] : [way];
            expect(ways.map((each) => [tagOf(tlb, each), shiftOf(tlb, each), asidOf(tlb, each)]).sort()).toEqual(
              wanted.map((entry) => [entry.va, entry.sizeShift, entry.asid]).sort(),
            );
          }
          expect(leavesOf(tlb).sort(byText)).toEqual([...naive].sort(byText));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('would notice a TLBI that forgot one size', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    put(cpu.tlb, KERNEL, 12);
    put(cpu.tlb, KERNEL, 21);
    const operand = encodeVaOperand(KERNEL);
    const stays = leavesOf(cpu.tlb).filter((entry) => !coversEntry(TLBI.vaale1is, decodeVaOperand(operand), entry));
    cpu.tlb.sizeCount = 1;
    invalidate(cpu, 'vaale1is', operand);
    expect(leavesOf(cpu.tlb)).not.toEqual(stays);
  });
});
