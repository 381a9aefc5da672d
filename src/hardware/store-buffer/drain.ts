import { DRAINS } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { drainAll, drainOne } from './store-buffer.ts';
import { overlaps, showRun } from './store-run.ts';

/** Makes one buffered store, or run of them, visible, whichever the hardware likes. */
export function drainSome(cpu: Cpu): void {
  const count = buffered(cpu);
  if (count > 0) drain(cpu, count > 1 ? cpu.choose(count, 'drain') : 0);
}

/** Stores, and runs of them, that wait in the buffer. */
export function buffered({ stores, runs }: Cpu): number {
  return stores.count[0]! + runs.length;
}

/**
 * The next to leave where the order is not seen: all leave within one step. A scheduler that wants another order lets the
 * hardware drain before that step.
 */
function next(cpu: Cpu, count: number): number {
  return cpu.controlled || count === 1 ? 0 : cpu.choose(count, 'drain');
}

function drain(cpu: Cpu, pick: number): void {
  const { stores, runs } = cpu;
  const single = stores.count[0]!;
  cpu.counts[DRAINS]!++;
  if (pick < single) drainOne(stores, cpu.memory, pick, cpu.visible);
  else showRun(cpu, runs.splice(pick - single, 1)[0]!);
}

/** There is room for one more store afterwards. */
export function makeRoom(cpu: Cpu): void {
  while (buffered(cpu) >= cpu.stores.capacity) drain(cpu, next(cpu, buffered(cpu)));
}

/** Every store of this CPU is visible afterwards. */
export function drainEverything(cpu: Cpu): void {
  while (cpu.runs.length > 0) drain(cpu, next(cpu, buffered(cpu)));
  if (cpu.stores.count[0] === 0) return;
  cpu.counts[DRAINS]! += drainAll(cpu.stores, cpu.memory, (count) => next(cpu, count), cpu.visible);
}

/** No run over `[pa, end)` is buffered afterwards: stores to one address stay in order. */
export function drainRuns(cpu: Cpu, pa: number, end: number): void {
  for (;;) {
    const at = cpu.runs.findIndex((run) => overlaps(run, pa, end));
    if (at < 0) return;
    cpu.counts[DRAINS]!++;
    showRun(cpu, cpu.runs.splice(at, 1)[0]!);
  }
}

/** Nothing at all for `[pa, end)` is buffered afterwards. */
export function drainWithin(cpu: Cpu, pa: number, end: number): void {
  const { stores } = cpu;
  drainRuns(cpu, pa, end);
  for (let at = 0; at < stores.count[0]!; )
    if (stores.isFill[at] === 0 && stores.pa[at]! >= pa && stores.pa[at]! < end) {
      cpu.counts[DRAINS]!++;
      drainOne(stores, cpu.memory, at, cpu.visible);
    } else at++;
}
