import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import type { Memory } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { complete, issue, issued, TLBI_ALL } from '../tlbi/dvm.ts';
import { applyUpTo } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { synchroniseContext } from '../translation/context.ts';
import { CONTROL_IPA_BITS, CONTROL_REALM, setShared } from '../translation/stage2.ts';

/** Calls of a realm to its monitor (Realm Services Interface, RMM specification 1.0): SMCs that may take long. */

export type Ripas = 'empty' | 'ram';

/** Word of `memory.control`: whether the host agrees to nothing. */
const CONTROL_HOST_REFUSES = 36;

/** What the host says to changes from here on. */
export function hostRefuses({ control }: Memory, refuses: boolean): void {
  Atomics.store(control, CONTROL_HOST_REFUSES, refuses ? 1 : 0);
}

/** RSI_REALM_CONFIG: how many bits the realm's physical addresses have. The topmost one says that a page is shared. */
export function* rsiRealmConfig(cpu: Cpu): Op<number> {
  const stop = boundary(cpu, 'smc', 0);
  if (stop !== undefined) yield stop;
  Atomics.store(cpu.memory.control, CONTROL_REALM, 1);
  return cpu.memory.control[CONTROL_IPA_BITS]!;
}

export interface IpaStateSet {
  /** What the host says to it. */
  readonly accepted: boolean;
  /** Where what is left to do begins: as much as the host likes is done, here one page. */
  readonly newBase: number;
}

/**
 * RSI_IPA_STATE_SET of `[base, top)`: the monitor asks the host, and changes the state of what that agrees to. On the way to the host
 * and back others step in. When the call is over nobody has a page in his TLB whose state has changed: the monitor has invalidated
 * everything of the realm's. Unverified: TLBI IPAS2E1IS, and then VMALLE1IS, for entries of both stages in one.
 */
export function* rsiIpaStateSet(cpu: Cpu, base: number, top: number, ripas: Ripas): Op<IpaStateSet> {
  const { memory, dvm } = cpu;
  const call = boundary(cpu, 'smc', base);
  if (call !== undefined) yield call;
  const agreed = base < top && Atomics.load(memory.control, CONTROL_HOST_REFUSES) === 0;
  const accepted = agreed && setShared(memory, base, ripas === 'empty');
  cpu.step = note(cpu.trace, 'smc', accepted ? 1 : 0, base, ripas === 'empty' ? 0n : 1n);
  if (accepted) {
    complete(dvm, cpu.id, issue(dvm, cpu.id, TLBI_ALL, -(2 ** 52), 2 ** 52, 0), cpu.relax);
    applyUpTo(cpu, issued(dvm));
  }
  const back = boundary(cpu, 'smc', base);
  if (back !== undefined) yield back;
  synchroniseContext(cpu); // the way to the monitor and back
  return { accepted, newBase: accepted ? base + memory.pageBytes : base };
}
