import { DRAINS } from './counters.ts';
import type { Cpu } from './cpu.ts';
import { drainAll, drainOne } from './store-buffer.ts';
import { overlaps, showRun } from './store-run.ts';

/** Makes one buffered store, or run of them, visible, whichever the hardware likes. */
export function drainSome(cpu: Cpu): void {
  const { stores, runs } = cpu;
  const single = stores.count[0]!;
  const count = single + runs.length;
  if (count === 0) return;
  cpu.counts[DRAINS]!++;
  const pick = count > 1 ? cpu.choose(count, 'drain') : 0;
  if (pick < single) drainOne(stores, cpu.memory, pick, cpu.visible);
  else showRun(cpu, runs.splice(pick - single, 1)[0]!);
}

/** There is room for one more store afterwards. */
export function makeRoom(cpu: Cpu): void {
  while (cpu.stores.count[0]! + cpu.runs.length >= cpu.stores.capacity) drainSome(cpu);
}

/** Every store of this CPU is visible afterwards. */
export function drainEverything(cpu: Cpu): void {
  while (cpu.runs.length > 0) drainSome(cpu);
  if (cpu.stores.count[0] === 0) return;
  cpu.counts[DRAINS]! += drainAll(cpu.stores, cpu.memory, (count) => cpu.choose(count, 'drain'), cpu.visible);
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
