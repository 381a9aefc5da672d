import { attachCounters } from '../../src/hardware/counters.ts';
import { CPU_POWER, CPU_PROGRESS, CPU_STATUS } from '../../src/hardware/dvm.ts';
import { CPU_WORDS } from '../../src/hardware/layout.ts';
import type { Machine } from '../../src/hardware/system.ts';
import { attachTextSlots, readText } from '../../src/hardware/text-slot.ts';
import { STATUS_DONE, STATUS_HALTED, STATUS_OFF, STATUS_WAITING } from './protocol.ts';

/** What the main thread can see of one CPU without asking it. */
export interface CpuView {
  readonly cpu: number;
  readonly status: 'off' | 'running' | 'waiting' | 'halted' | 'done';
  readonly powered: boolean;
  /** Where its chart stands. */
  readonly state: string;
  /** What it waits for or died of; empty while it runs. */
  readonly waitsFor: string;
  /** Grows whenever the CPU gets anywhere. */
  readonly progress: number;
  /** Its counters, in the order of `COUNTERS`. */
  readonly counters: Float64Array;
}

const STATUS = { [STATUS_OFF]: 'off', [STATUS_WAITING]: 'waiting', [STATUS_HALTED]: 'halted', [STATUS_DONE]: 'done' } as const;

/** All CPUs of the machine as they are at this moment. */
export function viewCpus(machine: Machine): CpuView[] {
  const { memory, layout } = machine;
  return machine.board.cpus.map((_, cpu) => {
    const words = new Int32Array(memory.buffer, layout.cpuWords + cpu * CPU_WORDS * 4, CPU_WORDS);
    const texts = attachTextSlots(memory, layout, cpu);
    const status = STATUS[Atomics.load(words, CPU_STATUS) as keyof typeof STATUS] ?? 'running';
    return {
      cpu,
      status,
      powered: words[CPU_POWER] === 1,
      state: readText(texts.state),
      waitsFor: status === 'waiting' || status === 'halted' ? readText(texts.waiting) : '',
      progress: words[CPU_PROGRESS]!,
      counters: attachCounters(memory.buffer, layout, cpu),
    };
  });
}

/** Every CPU that was ever powered has done its work or is out for good. */
export function everybodyDone(cpus: readonly CpuView[]): boolean {
  return cpus.every(({ status, powered }) => status === 'done' || !powered) && cpus[0]?.status === 'done';
}
