import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { read, wordOf } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { overlaps } from '../store-buffer/store-run.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { translateOnce } from '../translation/access.ts';
import { readRight } from '../translation/writable.ts';
import { die } from './exception.ts';
import { storedHere } from './load-store.ts';

const VALID = 1;

/**
 * Loads of neighbouring table entries from `va` on, up to the first valid one: how many are invalid, at most `count`. One
 * step, for nobody waits for an entry to be invalid. `[va, va + 8 * count)` lies in one page. `marks`: of the bits 31:0 those
 * any of which ends the scan, where it is not validity alone.
 */
export function* skipInvalid(cpu: Cpu, va: number, count: number, marks = VALID): Op<number> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, readRight(cpu));
    const invalid = pa < 0 ? 0 : invalidFrom(cpu, pa, count, marks);
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
    return invalid;
  }
}

function invalidFrom(cpu: Cpu, pa: number, count: number, marks: number): number {
  const { memory } = cpu;
  const first = wordOf(memory, pa) * 2;
  memory.watcher?.read(first / 2); // of a table's words one is as good as all
  let invalid = 0;
  if (hasStored(cpu, pa, pa + 8 * count)) while (invalid < count && !isMarked(cpu, pa + 8 * invalid, marks)) invalid++;
  else while (invalid < count && (memory.halves[first + 2 * invalid]! & marks) === 0) invalid++;
  return invalid;
}

/** Something of `[pa, end)` is buffered here. */
function hasStored({ stores, runs }: Cpu, pa: number, end: number): boolean {
  for (let at = 0; at < stores.count[0]!; at++) if (stores.pa[at]! >= pa && stores.pa[at]! < end) return true;
  return runs.some((run) => overlaps(run, pa, end));
}

function isMarked(cpu: Cpu, pa: number, marks: number): boolean {
  return ((storedHere(cpu, pa) ?? read(cpu.memory, pa)) & BigInt(marks)) !== 0n;
}
