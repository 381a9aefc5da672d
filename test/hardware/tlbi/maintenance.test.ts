import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GRANULE_4K, GRANULE_16K, GRANULE_64K, type Level } from '../../../src/arch/granule.ts';
import { TLBI, TLBI_OPERATIONS, type TlbiName } from '../../../src/arch/tlbi.ts';
import {
  decodeRangeOperand,
  decodeVaOperand,
  encodeRangeOperand,
  encodeVaOperand,
  type TlbiExtent,
} from '../../../src/arch/tlbi-operand.ts';
import { coversEntry, type TlbEntryScope } from '../../../src/arch/tlbi-scope.ts';
import { TLBIS_APPLIED } from '../../../src/hardware/counters.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { announce } from '../../../src/hardware/instruction/milestone.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { CPU_APPLIED, CPU_HAZARD, issue, issued, TLBI_AUDIT } from '../../../src/hardware/tlbi/dvm.ts';
import { applyUpTo, catchUp, isBehind, overtaken } from '../../../src/hardware/tlbi/maintenance.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { translate } from '../../../src/hardware/translation/access.ts';
import { freeWay, lookup, MISS, putEntry, SEVERAL, type Tlb } from '../../../src/hardware/translation/tlb.ts';
import {
  asidOf,
  FLAG_WITHDRAWN,
  type Found,
  flagsOf,
  GLOBAL,
  levelOf,
  occupied,
  shiftOf,
  tagOf,
} from '../../../src/hardware/translation/tlb-entry.ts';
import {
  cachedAsid,
  cachedBytes,
  cachedLevel,
  holdsTable,
  putTable,
  type WalkCache,
} from '../../../src/hardware/translation/walk-cache.ts';
import { KERNEL, MIB2, map, newData, PAGE, run, smallMachine } from '../small-machine.ts';

/** Sizes of leaves with the 4K granule, by log2: pages and blocks, alone and in contiguous runs. */
const LEVELS: Readonly<Record<number, Level>> = { 12: 3, 16: 3, 21: 2, 25: 2, 30: 1, 34: 1 };
const SHIFTS = Object.keys(LEVELS).map(Number);

/** Room for everything a test puts in: nothing is ever evicted. */
const ROOMY = { model: { tlb: { entries: 256, ways: 64 } } };

function put(tlb: Tlb, va: number, shift: number, asid = GLOBAL): void {
  const found: Found = {
    pa: 0,
    rights: 3,
    attrIndx: 0,
    sh: 3,
    level: LEVELS[shift]!,
    descriptorPa: 0,
    low: 0,
    high: 0,
  };
  putEntry(tlb, freeWay(tlb, va, shift, asid), va, shift, asid, found, 0, 0);
}

function invalidate(cpu: Cpu, name: TlbiName, operand = 0n): void {
  run(tlbi(cpu, name, operand));
  run(dsb(cpu, 'ish'));
}

/** Everything cached, as TLBI scopes see it. */
function leavesOf(tlb: Tlb): TlbEntryScope[] {
  return Array.from({ length: tlb.entries }, (_, way) => way)
    .filter((way) => occupied(tlb, way))
    .map((way) => ({
      va: tagOf(tlb, way),
      sizeShift: shiftOf(tlb, way),
      level: levelOf(tlb, way),
      leaf: true,
      granule: GRANULE_4K,
      global: asidOf(tlb, way) === GLOBAL,
      asid: asidOf(tlb, way),
    }));
}

function tablesOf(cache: WalkCache): TlbEntryScope[] {
  return Array.from({ length: cache.entries }, (_, at) => at)
    .filter((at) => holdsTable(cache, at))
    .map((at) => ({
      va: cache.tag[at]!,
      sizeShift: Math.log2(cachedBytes(cache, at)),
      level: cachedLevel(cache, at) - 1,
      leaf: false,
      granule: GRANULE_4K,
      global: false,
      asid: cachedAsid(cache, at),
    }));
}

describe('a TLBI by address', () => {
  it.each<TlbiName>(['vaae1is', 'vaale1is', 'vaae1', 'vaale1'])(
    '%s removes the entries of every size that cover it',
    (name) => {
      const cpu = smallMachine(ROOMY).cpus[0]!;
      const { tlb } = cpu;
      const va = KERNEL + 5 * PAGE;
      for (const shift of SHIFTS) put(tlb, va, shift);
      for (const shift of SHIFTS) put(tlb, KERNEL + 2 ** 40, shift);
      invalidate(cpu, name, encodeVaOperand(va));
      expect(lookup(tlb, va, 0)).toBe(MISS);
      expect(lookup(tlb, KERNEL + 2 ** 40, 0)).toBe(SEVERAL);
      expect(tlb.matchCount).toBe(SHIFTS.length);
    },
  );

  it('with one page of a block removes the block, and leaves its neighbours', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    for (const block of [0, 1, 2]) put(cpu.tlb, KERNEL + block * MIB2, 21);
    invalidate(cpu, 'vaale1is', encodeVaOperand(KERNEL + MIB2 + 77 * PAGE));
    expect([0, 1, 2].map((block) => lookup(cpu.tlb, KERNEL + block * MIB2, 0) === MISS)).toEqual([false, true, false]);
  });

  it('with a level keeps to leaves of that level', () => {
    for (const ttl of [1, 2, 3]) {
      const cpu = smallMachine(ROOMY).cpus[0]!;
      for (const shift of SHIFTS) put(cpu.tlb, KERNEL, shift);
      invalidate(cpu, 'vaale1is', encodeVaOperand(KERNEL, 0, ttl, GRANULE_4K));
      const left = leavesOf(cpu.tlb).map(({ sizeShift }) => sizeShift);
      expect(left.sort()).toEqual(SHIFTS.filter((shift) => LEVELS[shift] !== ttl));
    }
  });

  it('of an ASID removes its entries and the global ones, and no others', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    put(cpu.tlb, 0, 12, 5);
    put(cpu.tlb, 0, 12, 6);
    put(cpu.tlb, 0, 21);
    invalidate(cpu, 'vae1is', encodeVaOperand(0, 5));
    expect(leavesOf(cpu.tlb).map(({ asid }) => asid)).toEqual([6]);
  });
});

describe('a TLBI by ASID', () => {
  it('removes every entry of that ASID wherever it is, and no global one', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    for (const va of [0, 2 ** 30, KERNEL]) for (const asid of [5, 6, GLOBAL]) put(cpu.tlb, va, 12, asid);
    invalidate(cpu, 'aside1is', 5n << 48n);
    expect(
      leavesOf(cpu.tlb)
        .map(({ asid }) => asid)
        .sort(),
    ).toEqual([GLOBAL, GLOBAL, GLOBAL, 6, 6, 6]);
  });
});

describe('a TLBI by range', () => {
  it.each([
    ['the smallest', 0, 0, 2],
    ['one of 64 pages', 31, 0, 64],
    ['one of 2048 pages', 31, 1, 2048],
  ])('%s removes exactly its pages', (_, NUM, SCALE, pages) => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    const inside = [0, 1, pages - 1];
    const outside = [-1, pages, pages + 1];
    for (const page of [...new Set([...inside, ...outside])]) put(cpu.tlb, KERNEL + (page + 8) * PAGE, 12);
    invalidate(cpu, 'rvaale1is', encodeRangeOperand(KERNEL + 8 * PAGE, NUM, SCALE, GRANULE_4K));
    const hit = (page: number): boolean => lookup(cpu.tlb, KERNEL + (page + 8) * PAGE, 0) !== MISS;
    expect(inside.map(hit)).toEqual([false, false, false]);
    expect(outside.map(hit)).toEqual([true, true, true]);
  });
});

describe('a TLBI by a range that begins inside one entry and ends inside the next', () => {
  it('removes both', () => {
    const cpu = smallMachine(ROOMY).cpus[0]!;
    for (const run of [0, 1, 2]) put(cpu.tlb, KERNEL + run * 16 * PAGE, 16);
    invalidate(cpu, 'rvaale1is', encodeRangeOperand(KERNEL + 15 * PAGE, 7, 0, GRANULE_4K));
    expect(leavesOf(cpu.tlb).map(({ va }) => va)).toEqual([KERNEL + 32 * PAGE]);
  });
});

describe('a local TLBI', () => {
  it('acts on its own CPU by the next DSB NSH at the latest, and on no other', () => {
    const { cpus } = smallMachine({ chances: { deliver: 1 } });
    for (const cpu of cpus) put(cpu.tlb, KERNEL, 12);
    run(tlbi(cpus[0]!, 'vmalle1'));
    expect(lookup(cpus[0]!.tlb, KERNEL, 0)).not.toBe(MISS);
    run(dsb(cpus[0]!, 'nsh'));
    catchUp(cpus[1]!);
    expect(cpus.map((cpu) => lookup(cpu.tlb, KERNEL, 0) === MISS)).toEqual([true, false]);
  });

  it('may act at once', () => {
    const { cpus } = smallMachine(ROOMY);
    put(cpus[0]!.tlb, KERNEL, 12);
    run(tlbi(cpus[0]!, 'vaale1', encodeVaOperand(KERNEL)));
    expect(lookup(cpus[0]!.tlb, KERNEL, 0)).toBe(MISS);
  });
});

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

describe('the log', () => {
  it('is applied in part when a completion asks for it, and in whole when the hardware likes', () => {
    const { cpus } = smallMachine({ chances: { deliver: 1 } });
    const [a, b] = cpus as [Cpu, Cpu];
    put(b.tlb, KERNEL, 12);
    put(b.tlb, KERNEL + PAGE, 12);
    invalidate(a, 'vaale1is', encodeVaOperand(KERNEL));
    run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL + PAGE)));
    expect(overtaken(b)).toBe(true);
    catchUp(b);
    expect([overtaken(b), isBehind(b)]).toEqual([false, true]);
    expect([0, 1].map((page) => lookup(b.tlb, KERNEL + page * PAGE, 0) === MISS)).toEqual([true, false]);
    applyUpTo(b, issued(b.dvm));
    expect([isBehind(b), lookup(b.tlb, KERNEL + PAGE, 0)]).toEqual([false, MISS]);
  });

  it('that ran past a CPU costs it everything it had, and no more than that', () => {
    const { cpus } = smallMachine({ chances: { deliver: 1 }, dvmLogRecords: 8 });
    const [a, b] = cpus as [Cpu, Cpu];
    for (const count of [8, 9]) {
      put(b.tlb, KERNEL, 12);
      for (let i = 0; i < count; i++) run(tlbi(a, 'vaale1is', encodeVaOperand(KERNEL + 2 ** 40)));
      run(dsb(a, 'ish'));
      catchUp(b);
      expect(lookup(b.tlb, KERNEL, 0) === MISS).toBe(count === 9);
      expect(b.words[CPU_APPLIED]).toBe(issued(b.dvm));
    }
  });
});

describe('an announcement', () => {
  it('withdraws the entries whose descriptor has been replaced, removes none, and is no TLBI', () => {
    const machine = smallMachine(ROOMY);
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, newData(machine.memory, 1n));
    map(machine, KERNEL + PAGE, newData(machine.memory, 1n));
    for (const page of [0, 1]) translate(cpu, KERNEL + page * PAGE, 1);
    exchange(machine.memory, entry, 0n);
    const applied = cpu.counts[TLBIS_APPLIED];
    announce(cpu, 'gone', KERNEL, KERNEL + 2 * PAGE);
    applyUpTo(cpu, issued(cpu.dvm));
    const flags = [0, 1].map((page) => flagsOf(cpu.tlb, lookup(cpu.tlb, KERNEL + page * PAGE, 0)) & FLAG_WITHDRAWN);
    expect(flags).toEqual([FLAG_WITHDRAWN, 0]);
    expect(cpu.counts[TLBIS_APPLIED]).toBe(applied);
  });

  it('is told to the observer when such an entry is used', () => {
    const used: number[] = [];
    const machine = smallMachine({ observer: { withdrawnUse: (_cpu, va) => used.push(va) } });
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, newData(machine.memory, 1n));
    translate(cpu, KERNEL, 1);
    issue(cpu.dvm, 0, TLBI_AUDIT, KERNEL, KERNEL + PAGE, 0);
    translate(cpu, KERNEL, 1);
    expect(used).toEqual([]);
    exchange(machine.memory, entry, 0n);
    issue(cpu.dvm, 0, TLBI_AUDIT, KERNEL, KERNEL + PAGE, 0);
    translate(cpu, KERNEL + 8, 1);
    expect(used).toEqual([KERNEL + 8]);
    expect(cpu.words[CPU_HAZARD]! & 1).toBe(0);
  });
});
