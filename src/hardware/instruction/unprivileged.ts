import { faultCode } from '../../arch/fault.ts';
import { RIGHT_EL0_READ, RIGHT_EL0_WRITE } from '../../arch/permission.ts';
import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { exchange, read, wordOf } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { leaveHazard, translateOnce } from '../translation/access.ts';
import { synchroniseContext } from '../translation/context.ts';
import { refused, writable } from '../translation/writable.ts';
import { die } from './exception.ts';
import { storedHere } from './load-store.ts';

/**
 * Accesses with the rights of EL0, whose faults somebody handles. Only a TLB conflict abort is the end of the CPU: Linux
 * has no handler for it, wherever it was taken from.
 */
export interface Unprivileged {
  /** 0, or the fault code of arch/fault.ts. */
  readonly fault: number;
  /** Physical address, and what stood there; after a fault of no meaning. */
  readonly pa: number;
  readonly value: bigint;
}

const TLB_CONFLICT = faultCode('tlb-conflict');

/** LDTR of 64 bits. `va`: 8-byte aligned. */
export function* ldtr(cpu: Cpu, va: number): Op<Unprivileged> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, RIGHT_EL0_READ);
    const value = pa < 0 ? 0n : (storedHere(cpu, pa) ?? read(cpu.memory, pa));
    if (overtaken(cpu)) continue;
    if (pa < 0) return yield* faulted(cpu, va, -pa, RIGHT_EL0_READ);
    return { fault: 0, pa, value };
  }
}

/** STTR of 64 bits: visible at once. What goes to RAM that nobody backs is lost, but for the descriptor it made dirty. */
export function* sttr(cpu: Cpu, va: number, value: bigint): Op<Unprivileged> {
  const stop = boundary(cpu, 'store', va);
  if (stop !== undefined) yield stop;
  const pa = writable(cpu, va, RIGHT_EL0_WRITE);
  if (pa < 0 && Number.isFinite(pa)) return yield* faulted(cpu, va, -pa, RIGHT_EL0_WRITE);
  if (pa < 0) yield* refused(cpu, va, pa);
  if (wordOf(cpu.memory, pa) >= 0) exchange(cpu.memory, pa, value);
  cpu.observer.pageWritten(cpu, va, pa);
  cpu.step = note(cpu.trace, 'store', 0, va, value, pa);
  leaveHazard(cpu);
  return { fault: 0, pa, value };
}

function* faulted(cpu: Cpu, va: number, fault: number, right: number): Op<Unprivileged> {
  if (fault === TLB_CONFLICT) yield* die(cpu, va, fault, right);
  synchroniseContext(cpu); // exception entry
  cpu.step = note(cpu.trace, 'fault', fault, va, BigInt(right));
  return { fault, pa: -1, value: 0n };
}
