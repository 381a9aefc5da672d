import { translateOnce } from './access.ts';
import { boundary } from './boundary.ts';
import type { Cpu } from './cpu.ts';
import { die } from './exception.ts';
import { storedHere } from './load-store.ts';
import { catchUp, overtaken } from './maintenance.ts';
import { read } from './memory.ts';
import type { Op } from './op.ts';
import { readRight } from './writable.ts';

const VALID = 1n;

/**
 * Loads of neighbouring table entries from `va` on, up to the first valid one: how many are invalid, at most `count`. One
 * step, for nobody waits for an entry to be invalid. `[va, va + 8 * count)` lies in one page.
 */
export function* skipInvalid(cpu: Cpu, va: number, count: number): Op<number> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, readRight(cpu));
    let invalid = 0;
    if (pa >= 0) while (invalid < count && isInvalid(cpu, pa + 8 * invalid)) invalid++;
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
    return invalid;
  }
}

function isInvalid(cpu: Cpu, pa: number): boolean {
  return ((storedHere(cpu, pa) ?? read(cpu.memory, pa)) & VALID) === 0n;
}
