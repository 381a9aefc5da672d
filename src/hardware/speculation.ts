import { speculativeFill } from './access.ts';
import { SPECULATIVE_WALKS } from './counters.ts';
import type { Cpu } from './cpu.ts';

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

function target(cpu: Cpu): number {
  const { hints, choose, memory } = cpu;
  const pick = choose(hints.length + 4, 'speculate');
  if (pick < hints.length) return hints[pick]!;
  return cpu.lastVa + (choose(9, 'speculate') - 4) * memory.pageBytes;
}
