import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { type Memory, read } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { ENOMEM } from '../errno.ts';
import { IMAGE_FRAME, type Kernel } from '../kernel.ts';

/**
 * What of the execmem cache is free, and what is in somebody's hands. Linux: struct execmem_cache, mm/execmem.c: two maple trees.
 * Here two lists of a few records in the machine's memory, under the same mutex; a list that is full is a tree for which
 * there was no memory.
 */

export type AreaList = 'free' | 'busy';

/** Addresses of the cache, from `start` on; `at`: the record. */
export interface ExecmemArea {
  readonly at: number;
  readonly start: number;
  readonly bytes: number;
  /** Given back, and not free yet: to be tried again. Linux tags the pointer. */
  readonly isPending: boolean;
}

const AREAS = 6;
const RECORD_BYTES = 16;
const LIST_BYTES = AREAS * RECORD_BYTES;
/** Of a record: the first address, and how many; 0: nothing. */
const START = 0;
const BYTES = 8;
/** Linux: PENDING_FREE_BIT is PAGE_SHIFT - 1; any bit below the smallest page does. */
const PENDING_FREE = 1n;

const offsetOf = (list: AreaList): number => (list === 'free' ? 0 : LIST_BYTES);

/** Every area of the list, lowest address first. */
export function* areasOf(cpu: Cpu, k: Kernel, list: AreaList): Op<ExecmemArea[]> {
  const areas: ExecmemArea[] = [];
  const first = k.symbols.execmemAreas + offsetOf(list);
  for (let at = first; at < first + LIST_BYTES; at += RECORD_BYTES) {
    const bytes = yield* load(cpu, at + BYTES);
    if (bytes !== 0n) areas.push(areaOf(at, yield* load(cpu, at + START), bytes));
  }
  return areas.sort(byAddress);
}

function areaOf(at: number, start: bigint, bytes: bigint): ExecmemArea {
  return {
    at,
    start: Number(BigInt.asIntN(64, start & ~PENDING_FREE)),
    bytes: Number(bytes),
    isPending: (start & PENDING_FREE) !== 0n,
  };
}

const byAddress = (one: ExecmemArea, other: ExecmemArea): number => one.start - other.start;

/** Linux: mas_store_gfp(): returns 0, or -ENOMEM. */
export function* insertArea(cpu: Cpu, k: Kernel, list: AreaList, start: number, bytes: number): Op<number> {
  const first = k.symbols.execmemAreas + offsetOf(list);
  for (let at = first; at < first + LIST_BYTES; at += RECORD_BYTES) {
    if ((yield* load(cpu, at + BYTES)) !== 0n) continue;
    yield* writeArea(cpu, at, start, bytes);
    return 0;
  }
  return -ENOMEM;
}

/** The record becomes another. */
export function* writeArea(cpu: Cpu, at: number, start: number, bytes: number): Op {
  yield* store(cpu, at + START, BigInt.asUintN(64, BigInt(start)));
  yield* store(cpu, at + BYTES, BigInt(bytes));
}

export function* eraseArea(cpu: Cpu, { at }: ExecmemArea): Op {
  yield* store(cpu, at + BYTES, 0n);
}

/** Linux: pending_free_set(). */
export function* setPendingFree(cpu: Cpu, { at, start }: ExecmemArea): Op {
  yield* store(cpu, at + START, BigInt.asUintN(64, BigInt(start)) | PENDING_FREE);
}

/** Linux: execmem_cache_add_locked(). */
export function* addFreeArea(cpu: Cpu, k: Kernel, start: number, bytes: number): Op<number> {
  const free = yield* areasOf(cpu, k, 'free');
  const before = free.find((area) => area.start + area.bytes === start);
  const behind = free.find((area) => area.start === start + bytes);
  if (before === undefined && behind === undefined) return yield* insertArea(cpu, k, 'free', start, bytes);
  const from = before?.start ?? start;
  const end = behind === undefined ? start + bytes : behind.start + behind.bytes;
  yield* writeArea(cpu, (before ?? behind)!.at, from, end - from);
  if (before !== undefined && behind !== undefined) yield* eraseArea(cpu, behind);
  return 0;
}

/** The areas of a list, read by somebody who is not a CPU. */
export function execmemAreasAt(memory: Memory, list: AreaList): ExecmemArea[] {
  const first = memory.imagePa + IMAGE_FRAME.execmemAreas * memory.pageBytes + offsetOf(list);
  return Array.from({ length: AREAS }, (_, i) => first + i * RECORD_BYTES)
    .map((at) => areaOf(at, read(memory, at + START), read(memory, at + BYTES)))
    .filter(({ bytes }) => bytes > 0)
    .sort(byAddress);
}
