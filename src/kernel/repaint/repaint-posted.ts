import { isAligned } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../address-space.ts';
import { systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { without } from '../linear-map/linear-map.ts';
import { rangeSplitToPtes } from '../linear-map/split.ts';
import { mutexLock, mutexUnlock } from '../locking/locks.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';
import { REPAINT_6_18, type RepaintText } from './repaint.ts';

/**
 * The repaint as it was posted before it was merged: bank by bank of memblock, with the kernel's text taken out beforehand
 * (marked NOMAP), and a flush after each bank. The secondaries wait as they do in 6.18, and on its flag; there it was `repaint_done`.
 */

type SplitBank = (cpu: Cpu, k: Kernel, start: number, end: number) => Op<number>;

function bankByBank(splitBank: SplitBank): RepaintText['split'] {
  return function* (cpu, k) {
    const { space } = k;
    for (const { base, bytes } of k.board.memory)
      for (const [from, to] of without(base, base + bytes, space.text, space.initBegin)) {
        const [start, end] = [physToVirt(space, from), physToVirt(space, to)];
        const error = yield* splitBank(cpu, k, start, end);
        if (error !== 0) return error;
        yield* flushTlbKernelRange(cpu, k, start, end);
      }
    return 0;
  };
}

/** v4: __repaint_linear_mappings() calls __create_pgd_mapping_locked() with SPLIT_MAPPINGS and a GFP_ATOMIC allocator. */
const createPgdMappingLocked: SplitBank = (cpu, k, start, end) => rangeSplitToPtes(cpu, k, start, end, 'atomic');

/**
 * v5: split_kernel_pgtable_mapping(), made for those who change permissions, where a system without BBML2 has pages already
 * and 0 is the right answer. The repaint runs because the system lacks BBML2: it gets 0 as well, and nothing is split.
 */
function* splitKernelPgtableMapping(cpu: Cpu, k: Kernel, start: number, end: number): Op<number> {
  if (!(yield* systemSupportsBbml2Noabort(cpu, k))) return 0;
  const { pageBytes } = k.space.granule;
  if (!isAligned(start, pageBytes) || !isAligned(end, pageBytes)) return -EINVAL;
  yield* mutexLock(cpu, k, 'pgtable_split_lock');
  const error = yield* rangeSplitToPtes(cpu, k, start, end, 'kernel');
  yield* mutexUnlock(cpu, k, 'pgtable_split_lock');
  return error;
}

/** The flush is part of the split. */
function* flushed(): Op {}

/** As posted on 30 May 2025. */
export const REPAINT_V4: RepaintText = {
  ...REPAINT_6_18,
  split: bankByBank(createPgdMappingLocked),
  flush: flushed,
};

/** As posted on 24 July 2025. */
export const REPAINT_V5: RepaintText = {
  ...REPAINT_6_18,
  split: bankByBank(splitKernelPgtableMapping),
  flush: flushed,
};
