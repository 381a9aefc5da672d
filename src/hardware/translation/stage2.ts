import { faultCode } from '../../arch/fault.ts';
import { POWER } from '../../arch/power.ts';
import type { Cpu } from '../cpu.ts';
import type { Memory } from '../memory/memory.ts';
import type { Walk } from './walker.ts';

/**
 * What the monitor of realms (RMM) keeps for each page of a realm, and what that makes of a walk. The upper half of a realm's
 * physical address space leads to the same pages as the lower one, but to memory that the host may use as well. A page is reached
 * through one half only: through the lower while it is the realm's own (RIPAS RAM), through the upper while it is shared (RIPAS
 * EMPTY). RMM specification 1.0, "Realm IPA state".
 *
 * Unverified: through the wrong half an access is a synchronous external abort. The specification says so of a page that is EMPTY; through
 * the upper half it is the host's to decide, and here it has mapped nothing. Tables are never shared.
 *
 * TLBs hold both stages in one, page by page where a shared page is near: what they give is the address behind stage 2.
 */

/** Words of `memory.control`: bits of the realm's addresses; whether it has asked for them, and so may use both halves. */
export const CONTROL_IPA_BITS = 34;
export const CONTROL_REALM = 35;

const EXTERNAL_ABORT = faultCode('external-abort');

/** The bit of an address that says that the page is shared. */
export function sharedBit({ control }: Memory): number {
  return POWER[control[CONTROL_IPA_BITS]! - 1]!;
}

/** The state of the page at `pa`, an address of the lower half. */
export function isShared({ sharedPages, pageBytes }: Memory, pa: number): boolean {
  return sharedPages.includes(1 + Math.floor(pa / pageBytes));
}

/** How many pages of `[pa, pa + bytes)` are shared. */
export function sharedWithin({ sharedPages, pageBytes }: Memory, pa: number, bytes: number): number {
  const first = 1 + Math.floor(pa / pageBytes);
  return sharedPages.reduce((sum, page) => sum + (page >= first && page < first + bytes / pageBytes ? 1 : 0), 0);
}

/** Makes the page shared, or the realm's own. False: there is no room to note it. */
export function setShared({ sharedPages, pageBytes }: Memory, pa: number, shared: boolean): boolean {
  const page = 1 + Math.floor(pa / pageBytes);
  for (;;) {
    const at = sharedPages.indexOf(page);
    if (at >= 0 === shared) return true;
    const free = shared ? sharedPages.indexOf(0) : at;
    if (free < 0) return false;
    Atomics.compareExchange(sharedPages, free, shared ? 0 : page, shared ? page : 0);
  }
}

/** The second stage of what stage 1 has found: `walked` is then of both. Returns the fault code. */
export function throughStage2({ memory }: Pick<Cpu, 'memory'>, walked: Walk): number {
  const { pageShift, pageBytes } = memory;
  const upper = walked.pa >= sharedBit(memory) ? sharedBit(memory) : 0;
  const pa = walked.pa - upper;
  if (isShared(memory, pa) !== upper > 0) return EXTERNAL_ABORT;
  const bytes = POWER[walked.contiguousShift]!;
  if (upper === 0 && sharedWithin(memory, Math.floor(pa / bytes) * bytes, bytes) === 0) return 0;
  walked.pa = pa;
  walked.base = Math.floor(pa / pageBytes) * pageBytes;
  walked.sizeShift = pageShift;
  walked.contiguousShift = pageShift;
  return 0;
}
