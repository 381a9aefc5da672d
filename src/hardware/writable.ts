import { RIGHT_EL1_READ, RIGHT_EL1_READ_PAN, RIGHT_EL1_WRITE, RIGHT_EL1_WRITE_PAN } from '../arch/permission.ts';
import { AMALGAM, enterHazard, FIXMAP, translateOnce } from './access.ts';
import type { Cpu } from './cpu.ts';
import { die, halt } from './exception.ts';
import { catchUp, overtaken } from './maintenance.ts';
import { wordOf } from './memory.ts';
import type { Op } from './op.ts';

/** The right a load needs: with PAN set, one to what EL0 cannot reach. */
export const readRight = (cpu: Cpu): number => (cpu.pan ? RIGHT_EL1_READ_PAN : RIGHT_EL1_READ);
/** The right a store needs. */
export const writeRight = (cpu: Cpu): number => (cpu.pan ? RIGHT_EL1_WRITE_PAN : RIGHT_EL1_WRITE);

/** Translates for a write and enters the hazard that a DSB elsewhere waits for; the caller leaves it. */
export function* writable(cpu: Cpu, va: number): Op<number> {
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, writeRight(cpu));
    if (pa < 0) {
      if (overtaken(cpu)) continue;
      yield* die(cpu, va, -pa, writeRight(cpu));
    }
    if (isAstray(cpu, va, pa)) yield* halt(cpu, 'a store through an amalgamated translation');
    if (enterHazard(cpu)) return pa;
  }
}

/** A mixture of two translations led the store to memory that nobody backs; the mixture has been reported. */
function isAstray(cpu: Cpu, va: number, pa: number): boolean {
  return cpu.mmuOn && va < FIXMAP && cpu.way === AMALGAM && wordOf(cpu.memory, pa) < 0;
}
