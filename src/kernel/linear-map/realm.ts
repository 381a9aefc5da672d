import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { type Ripas, rsiIpaStateSet, rsiRealmConfig } from '../../hardware/instruction/rsi.ts';
import type { Op } from '../../hardware/op.ts';
import { virtToPhys } from '../address-space.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { changeMemory, validKernel } from './pageattr.ts';

/**
 * Pages that a realm shares with its host, and takes back. Linux: __set_memory_enc_dec(), arch/arm64/mm/pageattr.c;
 * arch/arm64/include/asm/rsi.h. Whoever asks owns the pages, and nobody else may read them meanwhile; but some read beyond what
 * they own, and cope with a fault (`loadUnalignedZeropad`), if it is not an external abort. So the mapping has to be gone, for
 * TLBs as well, before the monitor changes the state of the pages.
 */

/** The sentences of a change of state. A named bug replaces one of them. */
export interface RealmText {
  /** Before the monitor is asked: nobody translates the range any more, and its entries say what it will be. */
  readonly breakMapping: (cpu: Cpu, k: Kernel, change: StateChange) => Op<number>;
  /** The monitor is asked. */
  readonly setState: (cpu: Cpu, k: Kernel, change: StateChange) => Op<number>;
  /** PROT_NS_SHARED as the entries of the range are to have it: which bits are set, and which cleared. */
  readonly sharedMasks: (nsShared: bigint, ripas: Ripas) => readonly [set: bigint, clear: bigint];
}

/** Pages of the linear map `[va, va + bytes)`, and what they are to become: EMPTY is shared, RAM the realm's own. */
export interface StateChange {
  readonly va: number;
  readonly bytes: number;
  readonly ripas: Ripas;
}

/** Linux: arm64_rsi_init(), as far as page tables go: from here on is_realm_world() is true, and PROT_NS_SHARED is known. */
export function* arm64RsiInit(cpu: Cpu, k: Kernel): Op {
  const ipaBits = yield* rsiRealmConfig(cpu);
  yield* store(cpu, k.symbols.variables.prot_ns_shared, 1n << BigInt(ipaBits - 1));
}

/** Linux: set_memory_decrypted(): the host may use the pages. What was in them is lost. */
export function* setMemoryDecrypted(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* setMemoryEncDec(cpu, k, va, pages, 'empty');
}

/** Linux: set_memory_encrypted(): nobody but the realm may use them. */
export function* setMemoryEncrypted(cpu: Cpu, k: Kernel, va: number, pages: number): Op<number> {
  return yield* setMemoryEncDec(cpu, k, va, pages, 'ram');
}

/**
 * Linux: __set_memory_enc_dec(). Returns 0, an error of `updateRangeProt`, or -EINVAL where the host does not agree. After that the
 * pages are not mapped, some may have changed their state, and nobody can have them: the caller leaks them.
 */
function* setMemoryEncDec(cpu: Cpu, k: Kernel, va: number, pages: number, ripas: Ripas): Op<number> {
  if (!k.config.realm) return 0;
  const { breakMapping, setState } = k.text.realm;
  const change: StateChange = { va, bytes: pages * k.space.granule.pageBytes, ripas };
  const unbroken = yield* breakMapping(cpu, k, change);
  if (unbroken !== 0) return unbroken;
  const refused = yield* setState(cpu, k, change);
  if (refused !== 0) return refused;
  return yield* changeMemory(cpu, k, va, change.bytes, validKernel(k), k.text.pageattr.takenAway);
}

function* breakMapping(cpu: Cpu, k: Kernel, { va, bytes, ripas }: StateChange): Op<number> {
  const nsShared = yield* load(cpu, k.symbols.variables.prot_ns_shared);
  const [set, clear] = k.text.realm.sharedMasks(nsShared, ripas);
  return yield* changeMemory(cpu, k, va, bytes, set | k.text.pageattr.takenAway, clear | validKernel(k));
}

/** Linux: rsi_set_memory_range_shared(), rsi_set_memory_range_protected(): as often as it takes, for the host may stop anywhere. */
function* rsiSetMemoryRange(cpu: Cpu, k: Kernel, { va, bytes, ripas }: StateChange): Op<number> {
  const base = virtToPhys(k.space, va);
  for (let start = base; start < base + bytes; ) {
    const { accepted, newBase } = yield* rsiIpaStateSet(cpu, start, base + bytes, ripas);
    if (!accepted) return -EINVAL;
    start = newBase;
  }
  return 0;
}

export const REALM_6_18: RealmText = {
  breakMapping,
  setState: rsiSetMemoryRange,
  sharedMasks: (nsShared, ripas) => (ripas === 'empty' ? [nsShared, 0n] : [0n, nsShared]),
};
