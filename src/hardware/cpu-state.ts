import type { Cpu } from './cpu.ts';
import type { TextMaintenance } from './memory/instruction-memory.ts';
import type { StoreRun } from './store-buffer/store-run.ts';
import type { DvmRecord } from './tlbi/dvm.ts';
import { recount } from './translation/tlb.ts';
import { recountTables } from './translation/walk-cache.ts';

/** What a CPU keeps outside the machine's buffer and changes while it runs. */
export interface CpuState {
  readonly values: Readonly<Pick<Cpu, Kept>>;
  readonly runs: readonly StoreRun[];
  readonly ownBroadcast: readonly DvmRecord[];
  readonly ownLocal: readonly DvmRecord[];
  readonly ownText: readonly TextMaintenance[];
}

const KEPT = [
  'sysregs',
  'credit',
  'mmuOn',
  'regime0',
  'regime1',
  'unsynchronised0',
  'unsynchronised1',
  'asid',
  'pan',
  'irqMasked',
  'eventRegister',
  'monitorWord',
  'monitorValue',
  'ownTicket',
  'lastVa',
  'orderedStep',
  'step',
  'way',
] as const;
type Kept = (typeof KEPT)[number];

export function saveCpu(cpu: Cpu): CpuState {
  return {
    values: pick(cpu),
    runs: [...cpu.runs],
    ownBroadcast: cpu.ownBroadcast.map((record) => ({ ...record })),
    ownLocal: cpu.ownLocal.map((record) => ({ ...record })),
    ownText: [...cpu.ownText],
  };
}

/** Puts the CPU back to where it was saved. The machine's buffer must hold what it held then. */
export function restoreCpu(cpu: Cpu, state: CpuState): void {
  Object.assign(cpu, state.values);
  replace(cpu.runs, state.runs);
  replace(cpu.ownBroadcast, state.ownBroadcast);
  replace(cpu.ownLocal, state.ownLocal);
  replace(cpu.ownText, state.ownText);
  recount(cpu.tlb);
  recountTables(cpu.walkCache);
}

function pick(cpu: Cpu): Pick<Cpu, Kept> {
  return Object.fromEntries(KEPT.map((name) => [name, cpu[name]])) as Pick<Cpu, Kept>;
}

function replace<T>(list: T[], by: readonly T[]): void {
  list.length = 0;
  for (const each of by) list.push(each);
}
