import { alignDown, alignUp } from '../../arch/address.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../arch/tlbi-operand.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb } from '../../hardware/instruction/barrier.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import type { Kernel } from '../kernel.ts';
import { flushTlbRangeLimitExcess, rangeOperations } from '../tables/tlbflush.ts';
import type { Mm } from './mm.ts';

/**
 * TLB maintenance of user mappings: entries of one ASID. Linux: arch/arm64/include/asm/tlbflush.h. There is no ISB at the end:
 * the way back to the user synchronises. Kernels that unmap themselves from EL0 (KPTI) flush a second ASID besides; this one
 * does not.
 */

/** Linux: tlbf_t, since 7.x; before, some are functions of their own (flush_tlb_page_nosync()). */
export interface TlbFlags {
  /** TLBF_NOSYNC: somebody else's DSB completes it. */
  readonly noSync?: boolean;
  /** TLBF_NOWALKCACHE: only leaves have changed. */
  readonly noWalkCache?: boolean;
  /** TLBF_NOBROADCAST: only this CPU can have cached anything. Together with NOWALKCACHE, or not at all. */
  readonly noBroadcast?: boolean;
}

/** The level hint of a caller that does not know the level: TLBI_TTL_UNKNOWN. */
export const TTL_UNKNOWN = 0;

/** The sentences of a flush. A named bug replaces one of them. */
export interface UserTlbflushText {
  /** Linux: ASID(mm). */
  readonly asidOf: (mm: Mm) => number;
  /** What the operand says of the level, where the caller has named it. */
  readonly hint: (level: number) => number;
  /** The range in whole strides: from one operation to the next the address grows by one, until it is the end. */
  readonly inStrides: (start: number, end: number, stride: number) => readonly [start: number, end: number];
  /** What a change of permissions ends with. */
  readonly afterWrprotect: typeof flushTlbRange;
}

/**
 * Linux: __flush_tlb_range(). `[start, end)` of user addresses in steps of `stride` bytes, which every entry there spans at
 * least. `level`: of the leaves, or `TTL_UNKNOWN`. Ranges past the limit flush the whole address space.
 */
export function* flushTlbRange(
  cpu: Cpu,
  k: Kernel,
  mm: Mm,
  start: number,
  end: number,
  stride: number,
  level: number,
  flags: TlbFlags = {},
): Op {
  if (flags.noBroadcast && !flags.noWalkCache) throw new Error('TLBF_NOBROADCAST without TLBF_NOWALKCACHE: BUG()');
  const { pageBytes } = k.space.granule;
  const [first, last] = k.text.userTlbflush.inStrides(start, end, stride);
  if (flushTlbRangeLimitExcess(cpu, k, (last - first) / pageBytes, stride / pageBytes)) {
    yield* flushTlbMm(cpu, k, mm);
    return;
  }
  yield* dsb(cpu, flags.noBroadcast ? 'nshst' : 'ishst'); // the changed entries are visible to the walkers that matter
  yield* flushTlbRangeOp(cpu, k, mm, first, last, stride, level, flags);
  if (!flags.noSync) yield* dsb(cpu, flags.noBroadcast ? 'nsh' : 'ish'); // they have finished with the old ones
}

/** Linux: flush_tlb_page(): the last level only. */
export function* flushTlbPage(cpu: Cpu, k: Kernel, mm: Mm, va: number, flags: TlbFlags = {}): Op {
  const { pageBytes } = k.space.granule;
  const page = alignDown(va, pageBytes);
  yield* flushTlbRange(cpu, k, mm, page, page + pageBytes, pageBytes, 3, { ...flags, noWalkCache: true });
}

/** Linux: flush_tlb_mm(). */
export function* flushTlbMm(cpu: Cpu, k: Kernel, mm: Mm): Op {
  yield* flushTlbAsid(cpu, k, k.text.userTlbflush.asidOf(mm));
}

/** Everything that was cached under an ASID, table entries as well. */
export function* flushTlbAsid(cpu: Cpu, _k: Kernel, asid: number): Op {
  yield* dsb(cpu, 'ishst');
  yield* tlbi(cpu, 'aside1is', encodeVaOperand(0, asid));
  yield* dsb(cpu, 'ish');
}

/** Linux: __flush_tlb_range_op(). */
function* flushTlbRangeOp(
  cpu: Cpu,
  k: Kernel,
  mm: Mm,
  start: number,
  end: number,
  stride: number,
  level: number,
  { noWalkCache = false, noBroadcast = false }: TlbFlags,
): Op {
  const { granule } = k.space;
  const { asidOf, hint } = k.text.userTlbflush;
  const [asid, ttl] = [asidOf(mm), level === TTL_UNKNOWN ? 0 : hint(level)];
  const operation = `${noWalkCache ? 'vale1' : 'vae1'}${noBroadcast ? '' : 'is'}` as const;
  if (!cpu.model.features.tlbiRange) {
    for (let va = start; va !== end; va += stride) yield* tlbi(cpu, operation, encodeVaOperand(va, asid, ttl, granule));
    return;
  }
  const pages = (end - start) / granule.pageBytes;
  for (const { start: va, range } of rangeOperations(start, pages, granule.pageBytes, true))
    if (range === undefined) yield* tlbi(cpu, operation, encodeVaOperand(va, asid, ttl, granule));
    else yield* tlbi(cpu, `r${operation}`, encodeRangeOperand(va, range.NUM, range.SCALE, granule, asid, ttl));
}

export const USER_TLBFLUSH_6_18: UserTlbflushText = {
  asidOf: (mm) => mm.asid,
  hint: (level) => level,
  inStrides: (start, end, stride) => [alignDown(start, stride), alignUp(end, stride)],
  afterWrprotect: flushTlbRange,
};
