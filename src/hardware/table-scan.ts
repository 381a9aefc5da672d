import { translateOnce } from './access.ts';
import { boundary } from './boundary.ts';
import type { Cpu } from './cpu.ts';
import { buffered } from './drain.ts';
import { die } from './exception.ts';
import { storedHere } from './load-store.ts';
import { catchUp, overtaken } from './maintenance.ts';
import { read, wordOf } from './memory.ts';
import type { Op } from './op.ts';
import { readRight } from './writable.ts';

const VALID = 1;

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
    const invalid = pa < 0 ? 0 : invalidFrom(cpu, pa, count);
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
    return invalid;
  }
}

function invalidFrom(cpu: Cpu, pa: number, count: number): number {
  const { memory } = cpu;
  const first = wordOf(memory, pa) * 2;
  const own = buffered(cpu) > 0;
  memory.watcher?.read(first / 2); // of a table's words one is as good as all
  let invalid = 0;
  while (
    invalid < count &&
    !(own ? isValid(cpu, pa + 8 * invalid) : (memory.halves[first + 2 * invalid]! & VALID) !== 0)
  )
    invalid++;
  return invalid;
}

function isValid(cpu: Cpu, pa: number): boolean {
  return (Number((storedHere(cpu, pa) ?? read(cpu.memory, pa)) & 1n) & VALID) !== 0;
}
