import { type Address, formatVa } from './address.ts';
import { bit, bits, insert } from './field.ts';
import type { Level } from './granule.ts';

/** Faults of the walk name the level they were found at. DDI 0487, ISS encoding for a Data Abort, field DFSC. */
export type WalkFaultKind = 'addrsize' | 'translation' | 'accessflag' | 'permission';
export type FaultKind = WalkFaultKind | 'external-abort' | 'alignment' | 'tlb-conflict';

export type AccessKind = 'read' | 'write' | 'execute';

export interface FaultingAccess {
  readonly va: Address;
  readonly access: AccessKind;
  readonly el: 0 | 1;
}

/** What a program's access met instead of memory. An external abort has a level when a walk's own read met it. */
export type Fault = FaultingAccess &
  (
    | { readonly kind: WalkFaultKind; readonly level: Level }
    | { readonly kind: 'external-abort'; readonly level?: Level }
    | { readonly kind: 'alignment' | 'tlb-conflict' }
  );

const FSC_EXTERNAL_ABORT = 0b010000;
const FSC_ALIGNMENT = 0b100001;
const FSC_TLB_CONFLICT = 0b110000;

/** Fault status codes whose low two bits are the level. */
const FSC_BY_LEVEL: Readonly<Record<WalkFaultKind | 'external-abort', number>> = {
  addrsize: 0b000000,
  translation: 0b000100,
  accessflag: 0b001000,
  permission: 0b001100,
  'external-abort': 0b010100,
};

/** Keeps the code of an address size fault at level 0, whose FSC is 0, apart from "no fault". */
const IS_FAULT = 0x40;

/**
 * A fault as a small integer, never 0: the fault status code with bit 6 set. For kinds with a level, the code at level
 * L is the code at level 0 plus L; without a level an external abort is one of the access itself.
 */
export function faultCode(kind: FaultKind, level?: number): number {
  if (kind === 'alignment') return IS_FAULT | FSC_ALIGNMENT;
  if (kind === 'tlb-conflict') return IS_FAULT | FSC_TLB_CONFLICT;
  if (kind === 'external-abort' && level === undefined) return IS_FAULT | FSC_EXTERNAL_ABORT;
  return IS_FAULT | FSC_BY_LEVEL[kind] | (level ?? 0);
}

/** The fault a code stands for, undefined for 0. @throws RangeError for an integer that is no code. */
export function faultOf(code: number, met: FaultingAccess): Fault | undefined {
  if (code === 0) return undefined;
  const { va, access, el } = met;
  if (code === faultCode('alignment')) return { kind: 'alignment', va, access, el };
  if (code === faultCode('tlb-conflict')) return { kind: 'tlb-conflict', va, access, el };
  if (code === faultCode('external-abort')) return { kind: 'external-abort', va, access, el };
  const level = (code & 3) as Level;
  for (const kind of ['addrsize', 'translation', 'accessflag', 'permission', 'external-abort'] as const) {
    if (code === faultCode(kind, level)) return { kind, level, va, access, el };
  }
  throw new RangeError(`no fault has the code ${code}`);
}

/** The code of a fault, as `faultCode` makes it. */
export function codeOf(fault: Fault): number {
  return 'level' in fault ? faultCode(fault.kind, fault.level) : faultCode(fault.kind);
}

export const ESR_EL1 = {
  FSC: bits(5, 0),
  WnR: bit(6),
  IL: bit(25),
  EC: bits(31, 26),
} as const;

/** Exception classes, taken from EL0; from EL1 they are one more. */
const EC_INSTRUCTION_ABORT = 0x20;
const EC_DATA_ABORT = 0x24;

/** ESR_EL1 as the exception to EL1 would leave it. */
export function esrOf(fault: Fault): number {
  const fetched = fault.access === 'execute';
  let esr = insert(0n, ESR_EL1.FSC, codeOf(fault) & ~IS_FAULT);
  esr = insert(esr, ESR_EL1.WnR, fault.access === 'write' ? 1 : 0);
  esr = insert(esr, ESR_EL1.IL, 1);
  esr = insert(esr, ESR_EL1.EC, (fetched ? EC_INSTRUCTION_ABORT : EC_DATA_ABORT) + fault.el);
  return Number(esr);
}

const NOUNS: Readonly<Record<FaultKind, string>> = {
  addrsize: 'address size fault',
  translation: 'translation fault',
  accessflag: 'access flag fault',
  permission: 'permission fault',
  'external-abort': 'external abort',
  alignment: 'alignment fault',
  'tlb-conflict': 'TLB conflict abort',
};

/** One line: `translation fault, level 3: EL1 write at 0xffff000000000000`. */
export function formatFault(fault: Fault): string {
  const level = 'level' in fault ? `, level ${fault.level}` : '';
  return `${NOUNS[fault.kind]}${level}: EL${fault.el} ${fault.access} at ${formatVa(fault.va)}`;
}
