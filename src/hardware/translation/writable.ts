import { RIGHT_EL1_READ, RIGHT_EL1_READ_PAN, RIGHT_EL1_WRITE, RIGHT_EL1_WRITE_PAN } from '../../arch/permission.ts';
import type { Cpu } from '../cpu.ts';
import { die, halt } from '../instruction/exception.ts';
import { wordOf } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { AMALGAM, enterHazard, FIXMAP, translateOnce } from './access.ts';

/** The right a load needs: with PAN set, one to what EL0 cannot reach. */
export const readRight = (cpu: Cpu): number => (cpu.pan ? RIGHT_EL1_READ_PAN : RIGHT_EL1_READ);
/** The right a store needs. */
export const writeRight = (cpu: Cpu): number => (cpu.pan ? RIGHT_EL1_WRITE_PAN : RIGHT_EL1_WRITE);

/**
 * Translates for a write and enters the hazard that a DSB elsewhere waits for; the caller leaves it. Returns the physical
 * address; a negative number means that the CPU cannot go on: `refused` says how it ends. `right`: the one it needs.
 */
export function writable(cpu: Cpu, va: number, right = writeRight(cpu)): number {
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, right);
    if (pa < 0) {
      if (overtaken(cpu)) continue;
      return pa;
    }
    if (isAstray(cpu, va, pa)) return ASTRAY;
    if (enterHazard(cpu)) return pa;
  }
}

const ASTRAY = Number.NEGATIVE_INFINITY;

/** The end of a CPU whose store `writable` refused with this answer. */
export function* refused(cpu: Cpu, va: number, answer: number): Op<never> {
  if (answer === ASTRAY) yield* halt(cpu, 'a store through an amalgamated translation');
  return yield* die(cpu, va, -answer, writeRight(cpu));
}

/** A mixture of two translations led the store to memory that nobody backs; the mixture has been reported. */
function isAstray(cpu: Cpu, va: number, pa: number): boolean {
  return cpu.mmuOn && va < FIXMAP && cpu.way === AMALGAM && wordOf(cpu.memory, pa) < 0;
}
