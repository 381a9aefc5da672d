import { SPECULATIVE_WALKS } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { CONTROL_HINT_CURSOR } from '../memory/memory.ts';
import { speculativeFill } from './access.ts';

/**
 * The hardware may walk to any address whose translation is reachable, whatever the program does. Blind chance would
 * rarely hit anything that matters, so the walks are aimed: at addresses whose translation has just been changed by
 * anybody, and around the CPU's own last access.
 */
export function speculate(cpu: Cpu): void {
  if (!cpu.mmuOn) return;
  const va = target(cpu);
  if (va === 0) return;
  cpu.counts[SPECULATIVE_WALKS]!++;
  speculativeFill(cpu, va);
}

/** 0: nowhere in particular. */
function target({ hints, choose, memory, lastVa }: Cpu): number {
  const hinted = Math.min(memory.control[CONTROL_HINT_CURSOR]! >>> 0, hints.length);
  const pick = choose(hinted + NEARBY.length, 'speculate');
  if (pick < hinted) return hints[pick]!;
  return lastVa === 0 ? 0 : lastVa + NEARBY[pick - hinted]! * memory.pageBytes;
}

/** Pages around the last access. */
const NEARBY = [0, 1, -1];
