import { describe, expect, it } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { layoutOf } from '../../../src/hardware/memory/layout.ts';
import { allocateBuffer } from '../../../src/hardware/memory/memory.ts';
import {
  attachTlb,
  dropAll,
  dropEntry,
  freeWay,
  lookup,
  MISS,
  putEntry,
  recount,
  resetTlb,
  SEVERAL,
  setOf,
  type Tlb,
  vacantWay,
} from '../../../src/hardware/translation/tlb.ts';
import {
  descriptorOf,
  type Found,
  GLOBAL,
  levelOf,
  memoryTypeOf,
  sizeOf,
  translateBy,
} from '../../../src/hardware/translation/tlb-entry.ts';

const board = boardPresets.get('tiny-2')!;
const layout = layoutOf(board, 1);
const geometry = board.cpus[0]!.tlb;
const BASE = -(2 ** 48);
const PAGE = 12;
const RUN = 16;
const BLOCK = 21;

function emptyTlb(buffer = allocateBuffer(layout)): Tlb {
  const tlb = attachTlb(buffer, layout, 0, geometry);
  resetTlb(tlb);
  return tlb;
}

const found = (pa: number, level = 3): Found => ({
  pa,
  rights: 3,
  attrIndx: 1,
  sh: 3,
  level,
  descriptorPa: 0x4000_0000,
  low: 0x1234_5678,
  high: -1,
});

/** Puts an entry into a free way of its set. */
function put(tlb: Tlb, va: number, pa: number, shift: number, asid = GLOBAL): number {
  const way = freeWay(tlb, va, shift, asid);
  putEntry(tlb, way, va, shift, asid, found(pa, shift === BLOCK ? 2 : 3), 0, 7);
  return way;
}

const matches = (tlb: Tlb): number[] => [...tlb.matched.subarray(0, tlb.matchCount)].sort();

describe('one entry', () => {
  it('answers for every address in it, and for none outside', () => {
    const tlb = emptyTlb();
    const way = put(tlb, BASE + 3 * 2 ** RUN + 0x123, 0x5003_0456, RUN);
    expect(sizeOf(tlb, way)).toBe(2 ** RUN);
    for (let page = 0; page < 16; page++) expect(lookup(tlb, BASE + 3 * 2 ** RUN + page * 4096 + 8, 0)).toBe(way);
    expect(lookup(tlb, BASE + 3 * 2 ** RUN - 1, 0)).toBe(MISS);
    expect(lookup(tlb, BASE + 4 * 2 ** RUN, 0)).toBe(MISS);
  });

  it('translates by its own size, whatever addresses it was made from', () => {
    const tlb = emptyTlb();
    const way = put(tlb, BASE + 0x23_4567, 0x5003_4567, BLOCK);
    expect(translateBy(tlb, way, BASE + 0x20_0008)).toBe(0x5000_0008);
    expect([levelOf(tlb, way), memoryTypeOf(tlb, way)]).toEqual([2, 1 | (3 << 3)]);
    expect(descriptorOf(tlb, way)).toBe(0xffff_ffff_1234_5678n);
  });

  it('is gone when it is dropped, and only then', () => {
    const tlb = emptyTlb();
    const way = put(tlb, BASE, 0x5000_0000, PAGE);
    const other = put(tlb, BASE + 4096, 0x5000_1000, PAGE);
    expect(lookup(tlb, BASE, 0)).toBe(way);
    dropEntry(tlb, way);
    expect(lookup(tlb, BASE, 0)).toBe(MISS);
    expect(lookup(tlb, BASE + 4096, 0)).toBe(other);
    dropEntry(tlb, way);
    dropAll(tlb);
    expect(lookup(tlb, BASE + 4096, 0)).toBe(MISS);
  });
});

describe('entries of several sizes', () => {
  it('coexist for one address, and a lookup names them all', () => {
    const tlb = emptyTlb();
    const ways = [put(tlb, BASE, 0x5000_0000, PAGE), put(tlb, BASE, 0x5000_0000, RUN), put(tlb, BASE, 0, BLOCK)];
    expect(lookup(tlb, BASE + 8, 0)).toBe(SEVERAL);
    expect(matches(tlb)).toEqual(ways.sort());
  });

  it('are named only where they overlap', () => {
    const tlb = emptyTlb();
    put(tlb, BASE, 0x5000_0000, PAGE);
    const run = put(tlb, BASE, 0x5000_0000, RUN);
    const block = put(tlb, BASE, 0, BLOCK);
    expect(lookup(tlb, BASE + 4096, 0)).toBe(SEVERAL);
    expect(matches(tlb)).toEqual([run, block].sort());
    expect(lookup(tlb, BASE + 2 ** RUN, 0)).toBe(block);
  });

  it.each([
    ['larger', PAGE, BLOCK],
    ['smaller', BLOCK, PAGE],
  ])('are noticed when a %s one arrives where one has just been hit', (_, first, second) => {
    const tlb = emptyTlb();
    put(tlb, BASE, 0, first);
    lookup(tlb, BASE, 0);
    lookup(tlb, BASE, 0);
    put(tlb, BASE, 0, second);
    expect(lookup(tlb, BASE, 0)).toBe(SEVERAL);
  });

  it('leave the right one when the other is dropped', () => {
    const tlb = emptyTlb();
    const page = put(tlb, BASE, 0, PAGE);
    const block = put(tlb, BASE, 0, BLOCK);
    expect(lookup(tlb, BASE, 0)).toBe(SEVERAL);
    dropEntry(tlb, page);
    expect(lookup(tlb, BASE, 0)).toBe(block);
    put(tlb, BASE, 0, PAGE);
    expect(lookup(tlb, BASE, 0)).toBe(SEVERAL);
  });
});

describe('address spaces', () => {
  it('an entry of an ASID answers to that ASID alone, a global one to all', () => {
    const tlb = emptyTlb();
    const own = put(tlb, 0x1000, 0x5000_0000, PAGE, 5);
    const shared = put(tlb, 0x2000, 0x5000_1000, PAGE);
    expect([5, 6].map((asid) => lookup(tlb, 0x1000, asid))).toEqual([own, MISS]);
    expect([5, 6].map((asid) => lookup(tlb, 0x2000, asid))).toEqual([shared, shared]);
  });

  it('one page of two ASIDs takes two entries, and each gets its own', () => {
    const tlb = emptyTlb();
    const ways = [put(tlb, 0x1000, 0x5000_0000, PAGE, 5), put(tlb, 0x1000, 0x5000_1000, PAGE, 6)];
    for (let round = 0; round < 3; round++) expect([5, 6].map((asid) => lookup(tlb, 0x1000, asid))).toEqual(ways);
  });

  it('a global entry beside one of the ASID makes two matches for it, and one for the others', () => {
    const tlb = emptyTlb();
    const shared = put(tlb, 0x1000, 0x5000_0000, PAGE);
    expect(lookup(tlb, 0x1000, 5)).toBe(shared);
    put(tlb, 0x1000, 0x5000_0000, PAGE, 5);
    expect(lookup(tlb, 0x1000, 5)).toBe(SEVERAL);
    expect(lookup(tlb, 0x1000, 6)).toBe(shared);
  });
});

describe('room', () => {
  it('an entry of the same tag is replaced in place, a new one takes a free way, and a full set has none', () => {
    const tlb = emptyTlb();
    const stride = 4096 * (tlb.setMask + 1);
    for (let i = 0; i < tlb.ways; i++) {
      expect(vacantWay(tlb, BASE + i * stride, PAGE)).toBeGreaterThanOrEqual(0);
      put(tlb, BASE + i * stride, i * 4096, PAGE);
    }
    expect(setOf(tlb, BASE + stride, PAGE)).toBe(setOf(tlb, BASE, PAGE));
    const kept = lookup(tlb, BASE + stride, 0);
    expect(freeWay(tlb, BASE + stride, PAGE, GLOBAL)).toBe(kept);
    expect(freeWay(tlb, BASE + 100 * stride, PAGE, GLOBAL)).toBe(-1);
    expect(vacantWay(tlb, BASE + 100 * stride, PAGE)).toBe(-1);
    dropEntry(tlb, kept);
    expect(vacantWay(tlb, BASE + 100 * stride, PAGE)).toBe(kept);
  });

  it('an evicted entry is gone though it was just hit', () => {
    const tlb = emptyTlb();
    const way = put(tlb, BASE, 0x5000_0000, PAGE);
    expect(lookup(tlb, BASE, 0)).toBe(way);
    putEntry(tlb, way, BASE + 2 ** 30, PAGE, GLOBAL, found(0x6000_0000), 0, 8);
    expect(lookup(tlb, BASE, 0)).toBe(MISS);
    expect(lookup(tlb, BASE + 2 ** 30, 0)).toBe(way);
  });

  it('the columns alone are the TLB: who copies them finds every entry', () => {
    const buffer = allocateBuffer(layout);
    const tlb = emptyTlb(buffer);
    const way = put(tlb, BASE, 0, PAGE);
    put(tlb, BASE, 0, BLOCK);
    const copy = allocateBuffer(layout);
    new Uint8Array(copy).set(new Uint8Array(buffer));
    const attached = attachTlb(copy, layout, 0, geometry);
    expect(lookup(attached, BASE, 0)).toBe(SEVERAL);
    dropEntry(tlb, way);
    new Uint8Array(copy).set(new Uint8Array(buffer));
    recount(attached);
    expect(lookup(attached, BASE, 0)).toBe(lookup(tlb, BASE, 0));
  });
});
