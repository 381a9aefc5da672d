import { faultCode } from '../../arch/fault.ts';
import { physicalAddressBits } from '../board/board.ts';
import * as counters from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { drainEverything } from '../store-buffer/drain.ts';
import { CPU_HAZARD, issued } from '../tlbi/dvm.ts';
import { applyUpTo, catchUp, isBehind, isStaleUse, overtaken } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { mayHaveBeenMissed, SEEN_BY_OWN_WALKER } from './early-translation.ts';
import { isAccessFlagFault, isWritableClean, makeDirty, makeYoung, wouldMakeDirty } from './hafdbs.ts';
import { classify, outcomeOf } from './multiple-match.ts';
import { keptOut, type Regime } from './regime.ts';
import { CONTROL_REALM, throughStage2 } from './stage2.ts';
import { dropEntry, freeWay, lookup, MISS, putEntry, SEVERAL, setOf, vacantWay } from './tlb.ts';
import {
  FLAG_CONTIGUOUS,
  FLAG_SPECULATIVE,
  FLAG_WITHDRAWN,
  flagsOf,
  GLOBAL,
  leafPaOf,
  levelOf,
  paOf,
  rightsAt,
  shiftOf,
  sizeOf,
  tagOf,
  translateBy,
} from './tlb-entry.ts';
import { cachedLevel, cachedLimits, lookupTable, putTable, type WalkCache } from './walk-cache.ts';
import { walk, walkFrom } from './walker.ts';

/**
 * Kernel addresses from here up are physical memory seen through fixmap slots: a window private to the CPU that edits
 * tables nobody has mapped yet. It translates by subtraction and is never cached.
 */
export const FIXMAP = 2 ** 52;

/** What stands in `cpu.way` when the last translation was a mixture of several entries. */
export const AMALGAM = -3;

// Bound again because the compiler folds a module's own constants, and loads imported ones.
const { ACCESSES, EVICTIONS, FILLS, HITS, MISSES, WALK_CACHE_HITS, WALKS } = counters;
const { AMALGAMATIONS, BOTH_SIZES_CACHED, CONFLICT_ABORTS, CONFLICTS_AVOIDED, REDONE, STALE_USES } = counters;

const ADDRESS_SIZE_L0 = faultCode('addrsize', 0);
const TRANSLATION_L0 = faultCode('translation', 0);
const PERMISSION_L0 = faultCode('permission', 0);
const TLB_CONFLICT = faultCode('tlb-conflict');
const EXTERNAL_ABORT_L0 = faultCode('external-abort', 0);

/**
 * One translation by this CPU's TLB and walker, done again when a TLBI's completion overtook it. Returns the physical
 * address, or the negated fault code. `right`: the one bit of the rights byte the access needs.
 */
export function translate(cpu: Cpu, va: number, right: number): number {
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, right);
    if (!overtaken(cpu)) return pa;
    cpu.counts[REDONE]!++;
  }
}

/** As `translate`, without looking at the DVM log: the caller does that around it. */
export function translateOnce(cpu: Cpu, va: number, right: number): number {
  cpu.counts[ACCESSES]!++;
  if (va >= FIXMAP) return va - FIXMAP;
  if (!cpu.mmuOn) return untranslated(cpu, va);
  const regime = regimeFor(cpu, va);
  if (regime === undefined) return -TRANSLATION_L0;
  cpu.lastVa = va;
  let way = lookup(cpu.tlb, va, regime.asid);
  if (way >= 0) cpu.counts[HITS]!++;
  else if (way === MISS) {
    cpu.counts[MISSES]!++;
    way = refill(cpu, regime, va);
    if (way < 0) return keptOut(regime, right) ? -TRANSLATION_L0 : way;
  } else {
    if (keptOut(regime, right)) return -TRANSLATION_L0;
    const pa = resolveSeveral(cpu, va, right);
    if (pa !== CHOSEN) return pa;
    way = cpu.way;
  }
  if ((rightsAt(cpu.tlb, way) & right) === 0) {
    if (keptOut(regime, right)) return -TRANSLATION_L0;
    way = unpermitted(cpu, regime, way, va, right);
    if (way < 0) return way;
  }
  cpu.way = way;
  if ((flagsOf(cpu.tlb, way) & FLAG_WITHDRAWN) !== 0) cpu.observer.withdrawnUse(cpu, va, way);
  if (isBehind(cpu) && isStaleUse(cpu, way)) cpu.counts[STALE_USES]!++;
  return translateBy(cpu.tlb, way, va);
}

/** Without translation the address is the physical one, if the CPU has so many bits. */
function untranslated({ model }: Cpu, va: number): number {
  return va >= 0 && va < 2 ** physicalAddressBits(model) ? va : -ADDRESS_SIZE_L0;
}

/** The entry does not allow the access: the way of one that hardware has made dirty for it, or the negated fault code. */
function unpermitted(cpu: Cpu, regime: Regime, way: number, va: number, right: number): number {
  return wouldMakeDirty(cpu, regime, way, right) ? dirtied(cpu, regime, va, right) : refusedBy(cpu, way);
}

function refusedBy(cpu: Cpu, way: number): number {
  return -(PERMISSION_L0 + levelOf(cpu.tlb, way));
}

/**
 * A store to a page that is writable and clean: hardware makes it dirty, in the descriptor as it stands in memory now, and
 * goes on with what that says. The way it went to, or the negated fault code. DDI 0487, D8.5.5 "Hardware management of the
 * dirty state".
 */
function dirtied(cpu: Cpu, regime: Regime, va: number, right: number): number {
  for (;;) {
    const fault = walkManaged(cpu, regime, va);
    if (fault !== 0) return -fault;
    if (!isWritableClean(cpu, regime, right)) break;
    makeDirty(cpu);
  }
  const way = fill(cpu, regime, va, 0, false);
  if (way < 0) return way;
  return (rightsAt(cpu.tlb, way) & right) === 0 ? refusedBy(cpu, way) : way;
}

/** The regime an access to `va` uses: between a write to TTBRn_EL1 and the next ISB the old one or the new one. */
function regimeFor(cpu: Cpu, va: number): Regime | undefined {
  const next = va < 0 ? cpu.unsynchronised1 : cpu.unsynchronised0;
  if (next !== undefined && cpu.choose(2, 'context-sync') === 1) return next;
  return va < 0 ? cpu.regime1 : cpu.regime0;
}

/**
 * Walks for `va` and caches what it finds: the way it went to, or the negated fault code (faults are never cached).
 * `extraFlags`: `FLAG_SPECULATIVE` for walks no program asked for.
 */
export function walkAndFill(cpu: Cpu, regime: Regime, va: number, extraFlags: number): number {
  const fault = walkManaged(cpu, regime, va);
  return fault !== 0 ? -fault : fill(cpu, regime, va, extraFlags, false);
}

/**
 * As `walkAndFill`, for a program's access that `lookup` has just missed. What this CPU has made valid since it last
 * synchronised its context it may find invalid.
 */
export function refill(cpu: Cpu, regime: Regime, va: number): number {
  const fault = walkManaged(cpu, regime, va);
  if (fault !== 0) return -fault;
  if (mayHaveBeenMissed(cpu, cpu.walk.descriptorPa) && cpu.choose(2, 'context-sync') === 1)
    return -(TRANSLATION_L0 + cpu.walk.level);
  return fill(cpu, regime, va, 0, true);
}

/** As `walkCached`; where hardware manages the Access flag, it sets that of the leaf, and finds it set. */
function walkManaged(cpu: Cpu, regime: Regime, va: number): number {
  for (;;) {
    const fault = walkCached(cpu, regime, va);
    if (fault === 0 || regime.managesAccessFlag === 0 || !isAccessFlagFault(fault)) return fault;
    makeYoung(cpu);
  }
}

/** Walks from the deepest table the walk cache knows, and caches the last table of the walk. Returns the fault code. */
export function walkCached(cpu: Cpu, regime: Regime, va: number): number {
  const { walk: walked, walkCache, port, counts } = cpu;
  if (cpu.doubles[SEEN_BY_OWN_WALKER] === 1) showOwn(cpu);
  counts[WALKS]!++;
  port.freedPa = 0;
  const inside = va >= regime.start && va < regime.end;
  const cached = inside ? cachedTable(walkCache, regime, va) : -1;
  let level = 0;
  if (cached >= 0) {
    counts[WALK_CACHE_HITS]!++;
    level = cachedLevel(walkCache, cached);
    walkFrom(port, regime, va, level, walkCache.tablePa[cached]!, cachedLimits(walkCache, cached), walked);
  } else if (inside && regime.rootFault === 0) walkFrom(port, regime, va, regime.startLevel, regime.root, 0, walked);
  else walk(port, regime, va, walked);
  if (port.freedPa !== 0 && !overtaken(cpu)) cpu.observer.freedWalk(cpu, va, port.freedPa);
  // Faults are never cached, but the tables that led to one may be.
  if (walked.level > regime.startLevel && walked.level !== level && walked.fault < EXTERNAL_ABORT_L0)
    putTable(
      walkCache,
      va,
      walked.level,
      regime.pageShift + regime.stride * (4 - walked.level),
      regime.asid,
      walked.tables[walked.level]!,
      walked.limits,
    );
  return walked.fault;
}

/** DSB NSH was about these stores: this CPU's walker sees them from here on, and others may. */
function showOwn(cpu: Cpu): void {
  cpu.doubles[SEEN_BY_OWN_WALKER] = 0;
  drainEverything(cpu);
}

export function cachedTable(walkCache: WalkCache, regime: Regime, va: number): number {
  for (let level = 3; level > regime.startLevel; level--) {
    if (((walkCache.levels >> level) & 1) === 0) continue;
    const at = lookupTable(walkCache, va, level, regime.pageShift + regime.stride * (4 - level), regime.asid);
    if (at >= 0) return at;
  }
  return -1;
}

/**
 * Caches the walk's result: the way it went to, or the negated fault code of a realm's second stage. A contiguous run may be
 * cached whole or in part, from any member. `missed`: no entry matches `va`, so that none can have the new one's tag.
 */
export function fill(cpu: Cpu, regime: Regime, va: number, extraFlags: number, missed: boolean): number {
  const { tlb, walk: walked, counts, memory } = cpu;
  if (memory.control[CONTROL_REALM] !== 0) {
    const fault = throughStage2(cpu, walked);
    if (fault !== 0) return -fault;
  }
  const run = walked.contiguousShift > walked.sizeShift;
  const shift = run && cpu.choose(4, 'speculate') !== 3 ? walked.contiguousShift : walked.sizeShift;
  const asid = walked.nG === 1 ? regime.asid : GLOBAL;
  let way = missed ? vacantWay(tlb, va, shift) : freeWay(tlb, va, shift, asid);
  if (way < 0) {
    counts[EVICTIONS]!++;
    way = setOf(tlb, va, shift) + cpu.choose(tlb.ways, 'evict');
  }
  counts[FILLS]!++;
  putEntry(tlb, way, va, shift, asid, walked, run ? extraFlags | FLAG_CONTIGUOUS : extraFlags, cpu.step);
  return way;
}

/** `resolveSeveral` picked one whole entry: `cpu.way`. */
const CHOSEN = Number.NEGATIVE_INFINITY;

/** Several entries match: what this CPU's class makes of it. */
function resolveSeveral(cpu: Cpu, va: number, right: number): number {
  const { tlb, counts, observer } = cpu;
  const difference = classify(tlb);
  if (difference === 'none') {
    cpu.way = tlb.matched[cpu.choose(tlb.matchCount, 'winner')]!;
    return CHOSEN;
  }
  counts[BOTH_SIZES_CACHED]!++;
  const outcome = outcomeOf(cpu.model.conflicts, difference, cpu.choose);
  if (outcome === 'abort') {
    counts[CONFLICT_ABORTS]!++;
    cpu.step = note(cpu.trace, 'conflict', 0, va, 0n); // after the store that brought it about, whatever this CPU did last
    observer.multipleMatch(cpu, va, outcome, -1);
    return -TLB_CONFLICT;
  }
  const winner = tlb.matched[cpu.choose(tlb.matchCount, 'winner')]!;
  if (outcome === 'one') {
    counts[CONFLICTS_AVOIDED]!++;
    cpu.way = winner;
    observer.multipleMatch(cpu, va, outcome, translateBy(tlb, winner, va));
    return CHOSEN;
  }
  // An amalgamation takes the output address and the rights of one entry, and the offset into another: memory that the
  // context could have reached, but not here.
  counts[AMALGAMATIONS]!++;
  const other = tlb.matched[tlb.matched[0] === winner ? 1 : 0]!;
  const pa = paOf(tlb, winner) + ((va - tagOf(tlb, other)) % Math.min(sizeOf(tlb, winner), sizeOf(tlb, other)));
  cpu.way = AMALGAM;
  cpu.step = note(cpu.trace, 'conflict', 1, va, 0n);
  observer.multipleMatch(cpu, va, outcome, pa);
  return (rightsAt(tlb, winner) & right) === 0 ? -(PERMISSION_L0 + levelOf(tlb, winner)) : pa;
}

/** A walk no program asked for: the adversary caches `va` if it can, beside whatever is cached already. */
export function speculativeFill(cpu: Cpu, va: number): void {
  const regime = cpu.mmuOn ? regimeFor(cpu, va) : undefined;
  if (regime === undefined) return;
  catchUp(cpu);
  const before = lookup(cpu.tlb, va, regime.asid);
  const way = walkAndFill(cpu, regime, va, FLAG_SPECULATIVE);
  if (way < 0) return;
  if (overtaken(cpu)) {
    dropEntry(cpu.tlb, way);
    return;
  }
  if (before !== MISS && lookup(cpu.tlb, va, regime.asid) === SEVERAL && classify(cpu.tlb) !== 'none') {
    cpu.counts[BOTH_SIZES_CACHED]!++;
    note(cpu.trace, 'speculative-fill', shiftOf(cpu.tlb, way), va, 0n, leafPaOf(cpu.tlb, way));
  }
}

/** Brackets an access that cannot be redone: a DSB elsewhere waits for it. Returns false when it must be retried. */
export function enterHazard(cpu: Cpu): boolean {
  Atomics.add(cpu.words, CPU_HAZARD, 1);
  if (!overtaken(cpu)) return true;
  leaveHazard(cpu);
  applyUpTo(cpu, issued(cpu.dvm));
  return false;
}

export function leaveHazard(cpu: Cpu): void {
  Atomics.add(cpu.words, CPU_HAZARD, 1);
}
