import { faultCode } from '../../arch/fault.ts';
import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { read } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { translateOnce } from '../translation/access.ts';
import { synchroniseContext } from '../translation/context.ts';
import { readRight } from '../translation/writable.ts';
import { die } from './exception.ts';
import { storedHere } from './load-store.ts';

/** Faults that no exception table helps against: Linux dies of them wherever they were taken. */
const FATAL: ReadonlySet<number> = new Set([faultCode('external-abort'), faultCode('tlb-conflict')]);

/** A 64-bit load that the kernel's exception table knows: undefined where it faults. `va`: 8-byte aligned. */
export function* loadOrFixup(cpu: Cpu, va: number): Op<bigint | undefined> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, readRight(cpu));
    const value = pa < 0 ? undefined : (storedHere(cpu, pa) ?? read(cpu.memory, pa));
    if (overtaken(cpu)) continue;
    if (pa >= 0) return value;
    if (FATAL.has(-pa)) yield* die(cpu, va, -pa, readRight(cpu));
    cpu.step = note(cpu.trace, 'fault', -pa, va, BigInt(readRight(cpu)));
    synchroniseContext(cpu); // exception entry, and its return
    return undefined;
  }
}
