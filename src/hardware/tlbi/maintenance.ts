import { INVERSE, POWER } from '../../arch/power.ts';
import { TLBIS_APPLIED } from '../counters.ts';
import { CONTROL_ROOTS_EPOCH, type Cpu } from '../cpu.ts';
import { CONTROL_DVM_ISSUED, read } from '../memory/memory.ts';
import { ROOT1_CACHED, ROOT1_CACHED_SINCE, TLB_AS_AT_RESET } from '../translation/early-translation.ts';
import { dropAll, dropEntry, setOf, type Tlb } from '../translation/tlb.ts';
import {
  addFlag,
  asidOf,
  descriptorOf,
  FLAG_WITHDRAWN,
  leafPaOf,
  levelOf,
  occupied,
  shiftOf,
  sizeOf,
  tagOf,
} from '../translation/tlb-entry.ts';
import {
  cachedAsid,
  cachedBytes,
  cachedLevel,
  dropAllTables,
  dropTable,
  holdsTable,
  type WalkCache,
} from '../translation/walk-cache.ts';
import {
  ahead,
  CPU_APPLIED,
  completed,
  type DvmRecord,
  issued,
  readRecord,
  removes,
  removesTable,
  TLBI_ALL,
  TLBI_AUDIT,
  TLBI_BY_ASID,
  TLBI_LAST_LEVEL,
} from './dvm.ts';

/** How one CPU carries out TLB maintenance on its own TLB and walk cache. */

/** Applies the shared log up to `position`. */
export function applyUpTo(cpu: Cpu, position: number): void {
  const { words, doubles } = cpu;
  const kept = doubles[ROOT1_CACHED]!;
  const since = doubles[ROOT1_CACHED_SINCE]!;
  if (kept >= 0 && ahead(since, words[CPU_APPLIED]!) > 0) {
    applyLog(cpu, ahead(position, since) < 0 ? position : since);
    doubles[ROOT1_CACHED] = kept; // what had completed by then says nothing of what has been cached since
  }
  applyLog(cpu, position);
}

function applyLog(cpu: Cpu, position: number): void {
  const { dvm, words, scratch } = cpu;
  let at = words[CPU_APPLIED]!;
  if (ahead(position, at) > dvm.records) {
    applyEverything(cpu);
    at = position;
  }
  for (; ahead(position, at) > 0; at = (at + 1) | 0) {
    if (readRecord(dvm, at, scratch)) applyRecord(cpu, scratch);
    else applyEverything(cpu);
  }
  Atomics.store(words, CPU_APPLIED, position);
}

/**
 * TLBIs have been issued that this CPU has not applied. A plain read, many times faster than an atomic one: what an
 * access must have seen of the log was ordered by whatever told its program so, and `overtaken` looks again.
 */
export function isBehind(cpu: Cpu): boolean {
  return cpu.dvm.control[CONTROL_DVM_ISSUED] !== cpu.words[CPU_APPLIED];
}

/** Before an access: what has completed must go; what is only under way may go, at the hardware's pleasure. */
export function catchUp(cpu: Cpu): void {
  if (!isBehind(cpu)) return;
  const end = issued(cpu.dvm);
  const due = completed(cpu.dvm);
  if (ahead(due, cpu.words[CPU_APPLIED]!) > 0) applyUpTo(cpu, due);
  if (ahead(end, due) > 0 && cpu.choose(2, 'deliver') === 0) applyUpTo(cpu, end);
}

/** After an access: true when a completion overtook it, so that it must be done again. */
export function overtaken(cpu: Cpu): boolean {
  return ahead(completed(cpu.dvm), cpu.words[CPU_APPLIED]!) > 0;
}

/** True when a TLBI that is under way, but not complete, removes the entry: its use is legal, and stale. */
export function isStaleUse(cpu: Cpu, way: number): boolean {
  const end = issued(cpu.dvm);
  const { tlb, scratch } = cpu;
  for (let at = cpu.words[CPU_APPLIED]!; ahead(end, at) > 0; at = (at + 1) | 0) {
    const start = tagOf(tlb, way);
    if (!readRecord(cpu.dvm, at, scratch)) return false;
    if (removes(scratch, start, start + sizeOf(tlb, way), levelOf(tlb, way), asidOf(tlb, way))) return true;
  }
  return false;
}

/** Carries out one operation on this CPU's own TLB and walk cache. */
export function applyRecord(cpu: Cpu, r: DvmRecord): void {
  if ((r.flags & TLBI_AUDIT) !== 0) {
    audit(cpu, r);
    return;
  }
  cpu.counts[TLBIS_APPLIED]!++;
  if ((r.flags & TLBI_ALL) !== 0) applyEverything(cpu);
  else {
    if (spansFewSets(r)) dropByAddress(cpu.tlb, r);
    else dropByScan(cpu.tlb, r);
    if ((r.flags & TLBI_LAST_LEVEL) === 0 && cpu.walkCache.levels !== 0) dropWalks(cpu.walkCache, r);
  }
}

function applyEverything(cpu: Cpu): void {
  dropAll(cpu.tlb);
  dropAllTables(cpu.walkCache);
  cpu.doubles[TLB_AS_AT_RESET] = 0;
  if (cpu.doubles[ROOT1_CACHED]! < 0) return;
  cpu.doubles[ROOT1_CACHED] = -1;
  Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
}

/** One page-sized operation looks where the entry must be, for each size there is; longer ranges scan all ways. */
function spansFewSets(r: DvmRecord): boolean {
  return (r.flags & TLBI_BY_ASID) === 0 && r.end - r.start <= 65536;
}

function dropByAddress(tlb: Tlb, r: DvmRecord): void {
  // From the last size down: dropping the last entry of a size moves a size already done into its place.
  for (let k = tlb.sizeCount - 1; k >= 0; k--) {
    const shift = tlb.sizes[k]!;
    const size = POWER[shift]!;
    for (let va = Math.floor(r.start * INVERSE[shift]!) * size; va < r.end; va += size) {
      const first = setOf(tlb, va, shift);
      for (let way = first; way < first + tlb.ways; way++) if (shiftOf(tlb, way) === shift) dropIfRemoved(tlb, way, r);
    }
  }
}

function dropByScan(tlb: Tlb, r: DvmRecord): void {
  for (let way = 0; way < tlb.entries; way++) dropIfRemoved(tlb, way, r);
}

function dropIfRemoved(tlb: Tlb, way: number, r: DvmRecord): void {
  if (!occupied(tlb, way)) return;
  const start = tagOf(tlb, way);
  if (removes(r, start, start + sizeOf(tlb, way), levelOf(tlb, way), asidOf(tlb, way))) dropEntry(tlb, way);
}

function dropWalks(cache: WalkCache, r: DvmRecord): void {
  for (let at = 0; at < cache.entries; at++) {
    if (!holdsTable(cache, at)) continue;
    const start = cache.tag[at]!;
    const level = cachedLevel(cache, at) - 1;
    if (removesTable(r, start, start + cachedBytes(cache, at), level, cachedAsid(cache, at))) dropTable(cache, at);
  }
}

/** Marks the entries of the announced range whose descriptor in memory is no longer the one they were made from. */
function audit(cpu: Cpu, r: DvmRecord): void {
  const { tlb, memory } = cpu;
  for (let way = 0; way < tlb.entries; way++) {
    const start = tagOf(tlb, way); // NaN, of a free way, compares with nothing
    if (!(start < r.end && start + sizeOf(tlb, way) > r.start)) continue;
    if ((r.flags & TLBI_BY_ASID) !== 0 && asidOf(tlb, way) !== r.asid) continue;
    const cached = descriptorOf(tlb, way);
    if (read(memory, leafPaOf(tlb, way)) !== cached) addFlag(tlb, way, FLAG_WITHDRAWN);
  }
}
