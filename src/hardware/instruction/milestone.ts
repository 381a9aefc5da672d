import type { Cpu } from '../cpu.ts';
import { appendMark } from '../memory/mark-log.ts';
import type { Promised } from '../observer.ts';
import { advance } from '../progress.ts';
import { issue, TLBI_AUDIT, TLBI_BY_ASID } from '../tlbi/dvm.ts';
import { note } from '../trace.ts';

/** What a protocol says of itself. None of it is an instruction of the machine. */

/** A milestone of a protocol: an event of the CPU's chart. `mark`: its number in the machine's list. */
export function mark(cpu: Cpu, number: number): void {
  cpu.step = note(cpu.trace, 'mark', number, 0, 0n);
  advance(cpu.progress);
  appendMark(cpu.markLog, cpu.id, number, cpu.nowMs());
  cpu.onMark(number);
}

/**
 * The kernel's promise that from here on nobody uses translations of `[start, end)` that were replaced before. Not an
 * instruction of the machine: it is how a protocol states what its flush was for, so that the claim can be checked. `asid`:
 * the promise is of its translations only.
 */
export function announce(cpu: Cpu, name: string, start: number, end: number, asid?: number): void {
  cpu.observer.announced(cpu, name, start, end, asid);
  issue(cpu.dvm, cpu.id, asid === undefined ? TLBI_AUDIT : TLBI_AUDIT | TLBI_BY_ASID, start, end, asid ?? 0);
}

/**
 * What a function of the kernel tells its caller by returning 0: the range is as he wanted it, and he may rely on that. Not an
 * instruction of the machine either. A caller that relies on it may say so itself.
 */
export function promise(cpu: Cpu, by: string, promised: Promised): void {
  cpu.observer.promised(cpu, by, promised);
}
