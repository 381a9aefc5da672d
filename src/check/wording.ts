import { formatPa, formatSize, formatVa } from '../arch/address.ts';
import { formatRights } from '../arch/permission.ts';
import type { Cpu } from '../hardware/cpu.ts';
import {
  descriptorOf,
  FLAG_CONTIGUOUS,
  FLAG_SPECULATIVE,
  filledStepOf,
  flagsOf,
  leafPaOf,
  memoryTypeOf,
  paOf,
  rightsAt,
  sizeOf,
  tagOf,
} from '../hardware/tlb-entry.ts';
import type { PendingChange, TlbiSoFar } from './pending.ts';

/** How evidence is worded. */

export function formatSpan(start: number, end: number): string {
  return `${formatVa(start)}..${formatVa(end)}`;
}

export function formatDescriptor(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

/** One TLB entry as rows of a side-by-side table: range, size, output address, attributes, where it came from. */
export function describeEntry(cpu: Cpu, way: number): string[] {
  const { tlb } = cpu;
  const start = tagOf(tlb, way);
  const bytes = sizeOf(tlb, way);
  const flags = flagsOf(tlb, way);
  const type = memoryTypeOf(tlb, way);
  const descriptor = descriptorOf(tlb, way);
  const walk = (flags & FLAG_SPECULATIVE) !== 0 ? 'a speculative walk' : 'a walk';
  return [
    `VA    ${formatVa(start)} + ${formatSize(bytes)}`,
    `PA    ${formatPa(paOf(tlb, way))}`,
    `size  ${formatSize(bytes)}${(flags & FLAG_CONTIGUOUS) !== 0 ? ' (contiguous)' : ''}`,
    `attr  AttrIndx ${type & 7}, SH ${type >> 3}, ${formatRights(rightsAt(tlb, way))}`,
    `from  ${formatDescriptor(descriptor)} at ${formatPa(leafPaOf(tlb, way))}`,
    `by    ${walk} after step ${filledStepOf(tlb, way)}`,
  ];
}

/** Two columns of equal height, side by side. */
export function sideBySide(left: readonly string[], right: readonly string[], width = 58): string[] {
  const rows = Math.max(left.length, right.length);
  return Array.from({ length: rows }, (_, i) => `${(left[i] ?? '').padEnd(width)} | ${right[i] ?? ''}`);
}

const TLBI_SO_FAR: Readonly<Record<TlbiSoFar, string>> = {
  none: 'no TLBI that covers it has been issued since',
  local: 'a TLBI covers it, but not a broadcast one: only CPU $ has heard it',
  besides:
    'a TLBI reached its addresses, but not (all of) it: a part, the last level only, another level or another ASID',
  covered: 'a TLBI covers it, but no DSB of CPU $ has completed that',
};

/** What has been done about an old entry. */
export function tlbiSoFar({ tlbi, cpu }: PendingChange): string {
  return TLBI_SO_FAR[tlbi].replace('$', String(cpu));
}
