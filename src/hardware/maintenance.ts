import { INVERSE, POWER } from '../arch/power.ts';
import { TLBIS_APPLIED } from './counters.ts';
import type { Cpu } from './cpu.ts';
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
  TLBI_ANY_ASID,
  TLBI_AUDIT,
  TLBI_BY_ASID,
  TLBI_LAST_LEVEL,
} from './dvm.ts';
import { CONTROL_DVM_ISSUED, read } from './memory.ts';
import { dropAll, dropEntry, FLAG_WITHDRAWN, GLOBAL, levelOf, occupied, setOf, sizeOf, type Tlb } from './tlb.ts';
import { cachedAsid, cachedBytes, cachedLevel, dropAllTables, dropTable, holdsTable } from './walk-cache.ts';

/** How one CPU carries out TLB maintenance on its own TLB and walk cache. */

/** Applies the shared log up to `position`. */
export function applyUpTo(cpu: Cpu, position: number): void {
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
    const start = tlb.tag[way]!;
    if (!readRecord(cpu.dvm, at, scratch)) return false;
    if (removes(scratch, start, start + sizeOf(tlb, way), levelOf(tlb, way), tlb.asid[way]!)) return true;
  }
  return false;
}

export function applyRecord(cpu: Cpu, r: DvmRecord): void {
  if ((r.flags & TLBI_AUDIT) !== 0) return audit(cpu, r);
  cpu.counts[TLBIS_APPLIED]!++;
  if ((r.flags & TLBI_ALL) !== 0) return applyEverything(cpu);
  const { tlb } = cpu;
  if ((r.flags & TLBI_BY_ASID) !== 0) {
    for (let way = 0; way < tlb.entries; way++) if (occupied(tlb, way) && tlb.asid[way] === r.asid) dropEntry(tlb, way);
  } else if (spansFewSets(tlb, r)) dropByAddress(tlb, r);
  else dropByScan(tlb, r);
  if ((r.flags & TLBI_LAST_LEVEL) === 0 && cpu.walkCache.levels !== 0) dropWalks(cpu, r);
}

function applyEverything(cpu: Cpu): void {
  dropAll(cpu.tlb);
  dropAllTables(cpu.walkCache);
}

/** One page-sized operation looks where the entry must be, for each size there is; longer ranges scan all ways. */
function spansFewSets(tlb: Tlb, r: DvmRecord): boolean {
  return r.end - r.start <= 65536 || tlb.sizeCount === 0;
}

function dropByAddress(tlb: Tlb, r: DvmRecord): void {
  for (let k = tlb.sizeCount - 1; k >= 0; k--) {
    const shift = tlb.sizes[k]!;
    const size = POWER[shift]!;
    for (let va = Math.floor(r.start * INVERSE[shift]!) * size; va < r.end; va += size) {
      const first = setOf(tlb, va, shift);
      for (let way = first; way < first + tlb.ways; way++)
        if (tlb.shift[way] === shift && isRemoved(tlb, way, r)) dropEntry(tlb, way);
    }
  }
}

function dropByScan(tlb: Tlb, r: DvmRecord): void {
  for (let way = 0; way < tlb.entries; way++) if (isRemoved(tlb, way, r)) dropEntry(tlb, way);
}

function isRemoved(tlb: Tlb, way: number, r: DvmRecord): boolean {
  const start = tlb.tag[way]!;
  if (start !== start) return false;
  const owner = tlb.asid[way]!;
  if (owner !== GLOBAL && (r.flags & TLBI_ANY_ASID) === 0 && owner !== r.asid) return false;
  return removes(r, start, start + sizeOf(tlb, way), levelOf(tlb, way), owner);
}

function dropWalks(cpu: Cpu, r: DvmRecord): void {
  const { walkCache } = cpu;
  for (let at = 0; at < walkCache.entries; at++) {
    if (!holdsTable(walkCache, at)) continue;
    const start = walkCache.tag[at]!;
    const level = cachedLevel(walkCache, at) - 1;
    if (removesTable(r, start, start + cachedBytes(walkCache, at), level, cachedAsid(walkCache, at)))
      dropTable(walkCache, at);
  }
}

/** Marks the entries of the announced range whose descriptor in memory is no longer the one they were made from. */
function audit(cpu: Cpu, r: DvmRecord): void {
  const { tlb, memory } = cpu;
  for (let way = 0; way < tlb.entries; way++) {
    const start = tlb.tag[way]!;
    if (!(start < r.end && start + sizeOf(tlb, way) > r.start)) continue;
    const cached = (BigInt(tlb.descriptor[way * 2 + 1]!) << 32n) | BigInt(tlb.descriptor[way * 2]!);
    if (read(memory, tlb.leafPa[way]!) !== cached) tlb.flags[way] = tlb.flags[way]! | FLAG_WITHDRAWN;
  }
}
