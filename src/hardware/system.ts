import { type Board, physicalAddressBits } from './board/board.ts';
import { attachCounters, type Counts, totals } from './counters.ts';
import { attachCpu, type Cpu, type CpuOptions } from './cpu.ts';
import { type Layout, layoutOf } from './memory/layout.ts';
import { allocateBuffer, attachMemory, type Memory } from './memory/memory.ts';
import { attachTrace, type TraceRecord, tail } from './trace.ts';
import { CONTROL_IPA_BITS } from './translation/stage2.ts';

/** One machine: a board laid out in one shared buffer. Attaching is cheap and copies nothing. */
export interface Machine {
  readonly board: Board;
  readonly layout: Layout;
  readonly memory: Memory;
}

/** What a worker needs to attach to a machine that another thread made. */
export interface MachineHandle {
  readonly board: Board;
  readonly layout: Layout;
  readonly buffer: SharedArrayBuffer;
}

export interface MachineSize {
  /** Page-table pages the machine can hand out. */
  readonly poolFrames: number;
  readonly traceRecords?: number;
  readonly dvmLogRecords?: number;
  readonly checksBytes?: number;
  /** Where the buffer comes from: `layout.totalBytes` or more, all zero. A fresh one, unless somebody has one left over. */
  readonly allocate?: Allocate;
}

export type Allocate = (layout: Layout) => SharedArrayBuffer;

/** The largest buffer a machine may need: what one shared WebAssembly memory can be. */
export const MAX_BUFFER_BYTES = 65536 * 65536 - 65536;

/** A powered-off machine. Throws when its page tables would not fit `MAX_BUFFER_BYTES`. */
export function createMachine(board: Board, size: MachineSize): Machine {
  const layout = layoutOf(board, size.poolFrames, size);
  if (layout.totalBytes > MAX_BUFFER_BYTES)
    throw new RangeError(
      `the page tables of this board need ${Math.ceil(layout.totalBytes / 2 ** 20)} MiB; a machine holds ${MAX_BUFFER_BYTES / 2 ** 20}`,
    );
  const machine = attachMachine({ board, layout, buffer: (size.allocate ?? allocateBuffer)(layout) });
  machine.memory.control[CONTROL_IPA_BITS] = Math.min(...board.cpus.map(physicalAddressBits));
  return machine;
}

export function attachMachine(handle: MachineHandle): Machine {
  const { board, layout, buffer } = handle;
  return { board, layout, memory: attachMemory(buffer, layout, board.memory) };
}

export function handleOf(machine: Machine): MachineHandle {
  return { board: machine.board, layout: machine.layout, buffer: machine.memory.buffer };
}

export function cpuOf(machine: Machine, id: number, options: CpuOptions): Cpu {
  const model = machine.board.cpus[id];
  if (model === undefined) throw new RangeError(`the board has no CPU ${id}`);
  return attachCpu(machine.memory, machine.layout, id, model, options);
}

/** What all CPUs counted so far, added up. */
export function countsOf(machine: Machine): Counts {
  const columns = machine.board.cpus.map((_, id) => attachCounters(machine.memory.buffer, machine.layout, id));
  return totals(columns);
}

/** The last `limit` trace records of each CPU, merged into one order. */
export function traceOf(machine: Machine, limit: number): TraceRecord[] {
  return machine.board.cpus
    .flatMap((_, id) => tail(attachTrace(machine.memory, machine.layout, id), id, limit))
    .sort((a, b) => a.step - b.step);
}
