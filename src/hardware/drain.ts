import { DRAINS } from './counters.ts';
import type { Cpu } from './cpu.ts';
import { drainAll, drainOne, isFull } from './store-buffer.ts';

/** Makes one buffered store visible, whichever the hardware likes. */
export function drainSome(cpu: Cpu): void {
  const count = cpu.stores.count[0]!;
  if (count === 0) return;
  cpu.counts[DRAINS]!++;
  drainOne(cpu.stores, cpu.memory, count > 1 ? cpu.choose(count, 'drain') : 0, cpu.visible);
}

/** There is room for one more store afterwards. */
export function makeRoom(cpu: Cpu): void {
  while (isFull(cpu.stores)) drainSome(cpu);
}

/** Every store of this CPU is visible afterwards. */
export function drainEverything(cpu: Cpu): void {
  if (cpu.stores.count[0] === 0) return;
  cpu.counts[DRAINS]! += drainAll(cpu.stores, cpu.memory, (count) => cpu.choose(count, 'drain'), cpu.visible);
}
