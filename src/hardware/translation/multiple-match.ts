import { differInUseOnly } from '../../arch/dirty-state.ts';
import type { BbmClass } from '../board/board.ts';
import type { Choose } from '../chooser.ts';
import type { Tlb } from './tlb.ts';
import {
  asidOf,
  descriptorOf,
  FLAG_CONTIGUOUS,
  flagsOf,
  levelOf,
  mayBecomeDirty,
  memoryTypeOf,
  rightsAt,
  tagOf,
  translateBy,
} from './tlb-entry.ts';

/** In what the matching entries of the last lookup differ. */
export type Difference =
  /** In nothing but how much of one well-programmed contiguous run each holds: the architecture's own doing. */
  | 'none'
  /** The contiguous bit only: same level, one entry made from a run. */
  | 'contiguous'
  /** The level, and so the block size. */
  | 'size'
  /** Output address, memory type or global-ness: outside every relaxation. */
  | 'other';

/** What a CPU does when several entries match: one of them whole, a TLB conflict abort, or a mixture. */
export type Outcome = 'one' | 'abort' | 'amalgam';

/** Compares the entries named by `tlb.matched`. */
export function classify(tlb: Tlb): Difference {
  const first = tlb.matched[0]!;
  let levels = false;
  let oneRun = (flagsOf(tlb, first) & FLAG_CONTIGUOUS) !== 0;
  for (let i = 1; i < tlb.matchCount; i++) {
    const way = tlb.matched[i]!;
    const va = Math.max(tagOf(tlb, first), tagOf(tlb, way));
    if (translateBy(tlb, first, va) !== translateBy(tlb, way, va)) return 'other';
    if (memoryTypeOf(tlb, first) !== memoryTypeOf(tlb, way)) return 'other';
    if (asidOf(tlb, first) !== asidOf(tlb, way)) return 'other';
    if (levelOf(tlb, first) !== levelOf(tlb, way)) levels = true;
    if ((flagsOf(tlb, way) & FLAG_CONTIGUOUS) === 0 || !haveSameRights(tlb, first, way)) oneRun = false;
  }
  if (levels) return 'size';
  return oneRun ? 'none' : 'contiguous';
}

/**
 * Members of one run need not agree on whether they are dirty: what is clean is not written before it is made dirty. Whether
 * they may become so they must agree on.
 */
function haveSameRights(tlb: Tlb, one: number, other: number): boolean {
  if (rightsAt(tlb, one) === rightsAt(tlb, other) && mayBecomeDirty(tlb, one) === mayBecomeDirty(tlb, other))
    return true;
  return differInUseOnly(descriptorOf(tlb, one), descriptorOf(tlb, other));
}

/** Outcomes a class may show, the tame one first. DDI 0487, D8.17 "Multiple matching entries" (RKFLJB, RNGLXZ, RFVQCK). */
const ANY = ['one', 'abort', 'amalgam'] as const;
const WHOLE_OR_ABORT = ['one', 'abort'] as const;
const WHOLE = ['one'] as const;

const OUTCOMES: Readonly<Record<BbmClass, Readonly<Record<Difference, readonly Outcome[]>>>> = {
  level0: { none: WHOLE, contiguous: ANY, size: ANY, other: ANY },
  level1: { none: WHOLE, contiguous: WHOLE_OR_ABORT, size: ANY, other: ANY },
  level2: { none: WHOLE, contiguous: WHOLE_OR_ABORT, size: WHOLE_OR_ABORT, other: ANY },
  'level2-noabort': { none: WHOLE, contiguous: WHOLE, size: WHOLE, other: ANY },
  level3: { none: WHOLE, contiguous: WHOLE, size: WHOLE, other: ANY },
};

export function possibleOutcomes(bbmClass: BbmClass, difference: Difference): readonly Outcome[] {
  return OUTCOMES[bbmClass][difference];
}

export function outcomeOf(bbmClass: BbmClass, difference: Difference, choose: Choose): Outcome {
  const outcomes = OUTCOMES[bbmClass][difference];
  return outcomes.length === 1 ? outcomes[0]! : outcomes[choose(outcomes.length, 'conflict')]!;
}
