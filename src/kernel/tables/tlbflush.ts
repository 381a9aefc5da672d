import { alignDown, alignUp } from '../../arch/address.ts';
import { encodeRangeOperand, encodeVaOperand, MAX_RANGE_PAGES } from '../../arch/tlbi-operand.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import type { Kernel } from '../kernel.ts';

/** TLB maintenance of kernel mappings. Linux: arch/arm64/include/asm/tlbflush.h. */

/**
 * Linux: flush_tlb_kernel_range(). All-ASID and last-level only: table entries in walk caches stay. Ranges past the
 * limit are not worth an operation a page: everything goes.
 */
export function* flushTlbKernelRange(cpu: Cpu, k: Kernel, start: number, end: number): Op {
  const { pageBytes } = k.space.granule;
  const first = alignDown(start, pageBytes);
  const last = alignUp(end, pageBytes);
  if (flushTlbRangeLimitExcess(cpu, k, (last - first) / pageBytes)) {
    yield* flushTlbAll(cpu);
    return;
  }
  yield* dsb(cpu, 'ishst'); // the changed entries are visible to every walker before the TLBI
  yield* flushTlbRangeOp(cpu, k, first, (last - first) / pageBytes);
  yield* dsb(cpu, 'ish'); // every CPU has finished with the old entries before we return
  yield* isb(cpu);
}

/** Linux: flush_tlb_all(). */
export function* flushTlbAll(cpu: Cpu): Op {
  yield* dsb(cpu, 'ishst'); // pairs with the walkers: they see the new entries from here on
  yield* tlbi(cpu, 'vmalle1is');
  yield* dsb(cpu, 'ish');
  yield* isb(cpu);
}

/** Linux: local_flush_tlb_all(). */
export function* localFlushTlbAll(cpu: Cpu): Op {
  yield* dsb(cpu, 'nshst');
  yield* tlbi(cpu, 'vmalle1');
  yield* dsb(cpu, 'nsh');
  yield* isb(cpu);
}

/** Linux: __flush_tlb_kernel_pgtable(): the leaf and the walk-cache entries for one address. */
export function* flushTlbKernelPgtable(cpu: Cpu, va: number): Op {
  yield* dsb(cpu, 'ishst');
  yield* tlbi(cpu, 'vaae1is', encodeVaOperand(va));
  yield* dsb(cpu, 'ish');
  yield* isb(cpu); // nothing this CPU prefetched through the old table survives
}

/**
 * Linux: __flush_tlb_range_limit_excess(). MAX_DVM_OPS is PTRS_PER_PTE; a range operation reaches 2^21 pages (unverified). `stride`: pages
 * from one operation to the next. Linux asks whether all CPUs have FEAT_TLBIRANGE, once the capabilities are final; here each
 * uses what it has.
 */
export function flushTlbRangeLimitExcess(cpu: Cpu, k: Kernel, pages: number, stride = 1): boolean {
  if (cpu.model.features.tlbiRange) return pages > MAX_RANGE_PAGES;
  return pages >= k.space.granule.entriesPerTable * stride;
}

/** One operation of the sequence that covers a range: `pages` from `start` on. */
export interface RangeOperation {
  readonly start: number;
  readonly pages: number;
  /** Undefined: a single-address operation. */
  readonly range?: { readonly NUM: number; readonly SCALE: number };
}

/**
 * Linux: __flush_tlb_range_op() since 6.9: the largest scale first, then smaller ones, and a last odd page alone.
 * Without FEAT_TLBIRANGE one operation a page.
 */
export function rangeOperations(start: number, pages: number, pageBytes: number, tlbiRange: boolean): RangeOperation[] {
  const operations: RangeOperation[] = [];
  let at = start;
  let left = pages;
  const take = (operation: RangeOperation): void => {
    operations.push(operation);
    at += operation.pages * pageBytes;
    left -= operation.pages;
  };
  if (tlbiRange)
    for (let SCALE = 3; SCALE >= 0; SCALE--) {
      const NUM = Math.min(Math.floor(left / 2 ** (5 * SCALE + 1)), 32) - 1;
      if (NUM >= 0) take({ start: at, pages: (NUM + 1) * 2 ** (5 * SCALE + 1), range: { NUM, SCALE } });
    }
  while (left > 0) take({ start: at, pages: 1 });
  return operations;
}

function* flushTlbRangeOp(cpu: Cpu, k: Kernel, start: number, pages: number): Op {
  const { granule } = k.space;
  for (const { start: va, range } of rangeOperations(start, pages, granule.pageBytes, cpu.model.features.tlbiRange))
    if (range === undefined) yield* tlbi(cpu, 'vaale1is', encodeVaOperand(va));
    else yield* tlbi(cpu, 'rvaale1is', encodeRangeOperand(va, range.NUM, range.SCALE, granule));
}
