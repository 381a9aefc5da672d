import type { Revision } from './config.ts';
import { verifyLocalCpuCaps } from './cpufeature.ts';
import type { KernelText } from './kernel.ts';
import { PAGEATTR_6_18 } from './pageattr.ts';
import { REPAINT_6_18 } from './repaint.ts';
import { REPAINT_V4, REPAINT_V5 } from './repaint-posted.ts';
import { SPLIT_6_18 } from './split-leaf.ts';
import { TABLE_FREE_6_18 } from './table-free.ts';

/** The good text of each revision. */
export function kernelText(revision: Revision): KernelText {
  return {
    repaint: revision === 'v4' ? REPAINT_V4 : revision === 'v5' ? REPAINT_V5 : REPAINT_6_18,
    split: SPLIT_6_18,
    pageattr: PAGEATTR_6_18,
    tableFree: TABLE_FREE_6_18,
    verifyLocalCpuCaps,
  };
}
