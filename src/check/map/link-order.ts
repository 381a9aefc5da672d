import type { Cpu } from '../../hardware/cpu.ts';
import { tail } from '../../hardware/trace.ts';

/** Global steps at which a table was filled and the pointer to it was stored, by one CPU and with no barrier between. */
export interface UnorderedLink {
  readonly filled: number;
  readonly linked: number;
}

/** Records that tell it mostly: allocate, fill, DSB, store. */
const FEW = 4;

/**
 * Whether anything but luck put the entries of the table at `table` before the pointer that has just become visible at
 * `entryPa`: the CPU's own trace, read backwards from that store, shows a barrier or the fill first. Undefined: a barrier, or
 * the trace no longer reaches back so far.
 */
export function unorderedLink(cpu: Cpu, entryPa: number, pointer: bigint, table: number): UnorderedLink | undefined {
  const { trace, id, memory } = cpu;
  for (let limit = FEW; ; limit *= 4) {
    const records = tail(trace, id, limit);
    let linked = -1;
    for (const { kind, step, extra, value } of records.toReversed()) {
      if (linked < 0) linked = kind === 'buffered' && extra === entryPa && value === pointer ? step : -1;
      else if (kind === 'dsb') return undefined;
      else if (kind === 'filled-table' && extra >= table && extra < table + memory.pageBytes)
        return { filled: step, linked };
    }
    if (records.length < limit) return undefined;
  }
}
