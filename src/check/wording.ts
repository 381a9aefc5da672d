import { formatPa, formatSize, formatVa } from '../arch/address.ts';
import {
  RIGHT_EL0_EXECUTE,
  RIGHT_EL0_READ,
  RIGHT_EL0_WRITE,
  RIGHT_EL1_EXECUTE,
  RIGHT_EL1_READ,
  RIGHT_EL1_WRITE,
  RIGHTS_EL0,
} from '../arch/permission.ts';
import type { Cpu } from '../hardware/cpu.ts';
import {
  descriptorOf,
  FLAG_CONTIGUOUS,
  FLAG_SPECULATIVE,
  filledStepOf,
  flagsOf,
  leafPaOf,
  levelOf,
  memoryTypeOf,
  paOf,
  rightsAt,
  sizeOf,
  tagOf,
} from '../hardware/translation/tlb-entry.ts';
import type { AddressSpace } from '../kernel/address-space.ts';
import { entryName, entryText } from '../kernel/tables/entry-text.ts';
import type { PendingChange, TlbiSoFar } from './invalidation/pending.ts';

/** How evidence is worded. */

export function formatSpan(start: number, end: number): string {
  return `${formatVa(start)}..${formatVa(end)}`;
}

export function formatDescriptor(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

/** A descriptor that translates `va` at `level`, as it stands in memory and decoded. */
export function describeDescriptor(value: bigint, level: number, va: number, space: AddressSpace): string {
  return `${formatDescriptor(value)}  ${entryText(value, level, va, space)}`;
}

/** One TLB entry as rows of a side-by-side table: range, size, output address, attributes, where it came from. */
export function describeEntry({ tlb }: Cpu, space: AddressSpace, way: number): string[] {
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
    `attr  ${MEMORY_TYPES[type & 7] ?? `AttrIndx ${type & 7}`}, ${SHAREABILITY[type >> 3]}, ${rightsText(rightsAt(tlb, way))}`,
    `from  ${entryName(levelOf(tlb, way), space.startLevel)} ${formatDescriptor(descriptor)} at ${formatPa(leafPaOf(tlb, way))}`,
    `by    ${walk} after step ${filledStepOf(tlb, way)}`,
  ];
}

/** By AttrIndx, as Linux sets MAIR_EL1. */
const MEMORY_TYPES = ['MT_NORMAL', 'MT_NORMAL_TAGGED', 'MT_NORMAL_NC', 'MT_DEVICE_nGnRnE', 'MT_DEVICE_nGnRE'] as const;
const SHAREABILITY = ['non-shareable', 'reserved SH', 'outer shareable', 'inner shareable'] as const;

/** `EL1 RW NX`, and what EL0 may do, if anything. */
function rightsText(rights: number): string {
  const at = (read: number, write: number, execute: number): string => {
    const data = (rights & read) === 0 ? 'no data' : (rights & write) === 0 ? 'RO' : 'RW';
    return `${data} ${(rights & execute) === 0 ? 'NX' : 'X'}`;
  };
  const el1 = at(RIGHT_EL1_READ, RIGHT_EL1_WRITE, RIGHT_EL1_EXECUTE);
  const el0 = at(RIGHT_EL0_READ, RIGHT_EL0_WRITE, RIGHT_EL0_EXECUTE);
  return (rights & RIGHTS_EL0) === 0 ? `EL1 ${el1}` : `EL1 ${el1}, EL0 ${el0}`;
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
  unordered: 'a TLBI covers it, but no DSB of CPU $ lies between the two',
};

/** What has been done about an old entry. */
export function tlbiSoFar({ tlbi, cpu }: PendingChange): string {
  return TLBI_SO_FAR[tlbi].replace('$', String(cpu));
}
