import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { ldtr, sttr, type Unprivileged } from '../../hardware/instruction/unprivileged.ts';
import { exceptionReturn } from '../../hardware/interrupt.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { spinLock, spinUnlock } from '../locking/locks.ts';
import { pteUser, pteValid, pteWrite } from '../tables/pte.ts';
import { ptepSetAccessFlags } from './contpte.ts';
import { type Mm, pageTableLock, pteAllocMap } from './mm.ts';

/**
 * What a user process does to its memory, and as much of the fault handler as that takes: a fault on what is mapped and allowed
 * is somebody else's change under way, or a flag that this CPU does not set by itself. Linux: mm/memory.c.
 */

/** Undefined: the process has no such right. Linux would map a page, copy it, or send SIGSEGV. */
export type UserAccess = Unprivileged | undefined;

export function* userRead(cpu: Cpu, k: Kernel, mm: Mm, va: number): Op<UserAccess> {
  for (;;) {
    exceptionReturn(cpu); // to the process, which executes this
    const done = yield* ldtr(cpu, va);
    if (done.fault === 0) return done;
    if (!(yield* handlePteFault(cpu, k, mm, va, false))) return undefined;
  }
}

export function* userWrite(cpu: Cpu, k: Kernel, mm: Mm, va: number, value: bigint): Op<UserAccess> {
  for (;;) {
    exceptionReturn(cpu); // to the process, which executes this
    const done = yield* sttr(cpu, va, value);
    if (done.fault === 0) return done;
    if (!(yield* handlePteFault(cpu, k, mm, va, true))) return undefined;
  }
}

/** Linux: handle_pte_fault(). True: the access may be tried again. */
export function* handlePteFault(cpu: Cpu, k: Kernel, mm: Mm, va: number, write: boolean): Op<boolean> {
  const ptep = yield* pteAllocMap(cpu, k, mm, va);
  yield* spinLock(cpu, k, 'mm->page_table_lock', pageTableLock(mm));
  const pte = yield* load(cpu, ptep);
  const allowed = pteValid(pte) && pteUser(pte) && (!write || pteWrite(pte));
  if (allowed) yield* ptepSetAccessFlags(cpu, k, mm, va, ptep, write);
  yield* spinUnlock(cpu, k, 'mm->page_table_lock', pageTableLock(mm));
  return allowed;
}
