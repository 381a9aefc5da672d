import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { exchange, isTableWord, read } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { drainEverything } from '../store-buffer/drain.ts';
import { note } from '../trace.ts';
import { leaveHazard, translate } from '../translation/access.ts';
import { readRight, refused, writable } from '../translation/writable.ts';
import { die } from './exception.ts';

/**
 * Copies the page at `from` to the page at `to`, which must be backed: a loop of LDP and STP as one step, for callers whom nobody
 * sees at it. Where the page is a table, each word that changes becomes visible to walkers at once.
 */
export function* copyPage(cpu: Cpu, to: number, from: number): Op {
  const stop = boundary(cpu, 'store', to);
  if (stop !== undefined) yield stop;
  drainEverything(cpu);
  const { memory } = cpu;
  const source = translate(cpu, from, readRight(cpu));
  if (source < 0) yield* die(cpu, from, -source, readRight(cpu));
  const target = writable(cpu, to);
  if (target < 0) yield* refused(cpu, to, target);
  for (let offset = 0; offset < memory.pageBytes; offset += 8) {
    const value = read(memory, source + offset);
    const before = read(memory, target + offset);
    if (before === value) continue;
    exchange(memory, target + offset, value);
    if (isTableWord(memory, target + offset)) cpu.visible(target + offset, before, value);
  }
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'store', 0, to, 0n, target);
}
