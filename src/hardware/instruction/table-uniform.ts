import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { read } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { translateOnce } from '../translation/access.ts';
import { readRight } from '../translation/writable.ts';
import { die } from './exception.ts';
import { storedHere } from './load-store.ts';

/**
 * Loads of all entries of the table page at `va`: whether entry i is `first + i * stepBytes`, apart from the bits of `ignore`.
 * One step, for whoever asks has made sure that nobody changes the table meanwhile.
 */
export function* isUniform(cpu: Cpu, va: number, first: bigint, stepBytes: number, ignore: bigint): Op<boolean> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, readRight(cpu));
    const uniform = pa >= 0 && uniformFrom(cpu, pa, first, BigInt(stepBytes), ~ignore);
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
    return uniform;
  }
}

function uniformFrom(cpu: Cpu, pa: number, first: bigint, step: bigint, mask: bigint): boolean {
  let expected = first;
  for (let at = pa; at < pa + cpu.memory.pageBytes; at += 8, expected += step) {
    const entry = storedHere(cpu, at) ?? read(cpu.memory, at);
    if (((entry ^ expected) & mask) !== 0n) return false;
  }
  return true;
}
