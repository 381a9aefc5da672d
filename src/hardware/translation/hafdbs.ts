import { AP_EL0, LEAF } from '../../arch/descriptor.ts';
import { AF, READ_ONLY } from '../../arch/dirty-state.ts';
import { faultCode } from '../../arch/fault.ts';
import { halfMask, halfShift } from '../../arch/field.ts';
import { RIGHT_EL0_WRITE, RIGHT_EL1_WRITE, RIGHT_EL1_WRITE_PAN, rightsOf } from '../../arch/permission.ts';
import type { Cpu } from '../cpu.ts';
import { compareExchange } from '../memory/memory.ts';
import { note } from '../trace.ts';
import type { Regime } from './regime.ts';
import { mayBecomeDirty } from './tlb-entry.ts';
import type { Walk } from './walker.ts';

/**
 * Hardware management of the Access flag and of the dirty state (FEAT_HAFDBS), where TCR_EL1.HA and HD enable it. A leaf
 * with DBM is writable; that it is read-only says that it is clean. Each update is one atomic read-modify-write of the
 * descriptor that the last walk of this CPU ended at; where memory holds another by now nothing happens, and the caller
 * walks again. DDI 0487, D8.5 "Hardware management of the Access flag and the dirty state".
 *
 * Of a contiguous run the member is updated that translates the address. Assumed: the architecture lets hardware update
 * another, and software that gathers from all members cannot tell.
 */

const ACCESS_FLAG_L0 = faultCode('accessflag', 0);
const LOW_READ_ONLY = Number(READ_ONLY);
const HIGH_DBM = halfMask(LEAF.DBM);
const LOW_AP_SHIFT = halfShift(LEAF.AP);
const HIGH_PXN_SHIFT = halfShift(LEAF.PXN);
const HIGH_UXN_SHIFT = halfShift(LEAF.UXN);
const WRITES = RIGHT_EL1_WRITE | RIGHT_EL0_WRITE | RIGHT_EL1_WRITE_PAN;

/** What a trace record of kind `hardware-update` says: which update it was. */
export const UPDATE_ACCESS_FLAG = 0;
export const UPDATE_DIRTY = 1;

export function isAccessFlagFault(fault: number): boolean {
  return fault >= ACCESS_FLAG_L0 && fault <= ACCESS_FLAG_L0 + 3;
}

/** The store that entry `way` refuses may be let through once the page is dirty. */
export function wouldMakeDirty({ tlb }: Cpu, regime: Regime, way: number, right: number): boolean {
  return regime.managesDirtyState === 1 && (right & WRITES) !== 0 && mayBecomeDirty(tlb, way);
}

/** The page that the last walk found is clean, and nothing else keeps this access from it. */
export function isWritableClean({ walk: { low, high, limits } }: Cpu, regime: Regime, right: number): boolean {
  if ((high & HIGH_DBM) === 0 || (low & LOW_READ_ONLY) === 0) return false;
  const [WXN, EPAN] = [(regime.rightsKey >> 8) & 1, (regime.rightsKey >> 9) & 1];
  const [UXN, PXN] = [(high >> HIGH_UXN_SHIFT) & 1, (high >> HIGH_PXN_SHIFT) & 1];
  const AP = (low >> LOW_AP_SHIFT) & AP_EL0;
  return (rightsOf(AP, UXN, PXN, limits & regime.limitsMask, WXN, EPAN) & regime.rightsMask & right) !== 0;
}

export function makeYoung(cpu: Cpu): void {
  const before = found(cpu.walk);
  update(cpu, before, before | AF, UPDATE_ACCESS_FLAG);
}

export function makeDirty(cpu: Cpu): void {
  const before = found(cpu.walk);
  update(cpu, before, before & ~READ_ONLY, UPDATE_DIRTY);
}

/** The descriptor that the walk ended at. */
function found({ low, high }: Walk): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function update(cpu: Cpu, before: bigint, after: bigint, which: number): void {
  const { descriptorPa } = cpu.walk;
  if (compareExchange(cpu.memory, descriptorPa, before, after) !== before) return;
  note(cpu.trace, 'hardware-update', which, cpu.lastVa, after, descriptorPa);
  cpu.visible(descriptorPa, before, after);
}
