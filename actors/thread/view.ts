import { attachCounters } from '../../src/hardware/counters.ts';
import { CPU_WORDS } from '../../src/hardware/memory/layout.ts';
import { attachTextSlots, readText } from '../../src/hardware/memory/text-slot.ts';
import { CPU_NEWS, lastTouched, type Touch } from '../../src/hardware/progress.ts';
import type { Machine } from '../../src/hardware/system.ts';
import { CPU_POWER, CPU_PROGRESS, CPU_STATUS } from '../../src/hardware/tlbi/dvm.ts';
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
  /** What it was last seen to touch. */
  readonly touched?: Touch | undefined;
  /** Its counters, in the order of `COUNTERS`. */
  readonly counters: Float64Array;
}

const STATUS = {
  [STATUS_OFF]: 'off',
  [STATUS_WAITING]: 'waiting',
  [STATUS_HALTED]: 'halted',
  [STATUS_DONE]: 'done',
} as const;

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
      touched: lastTouched(words),
      counters: attachCounters(memory.buffer, layout, cpu),
    };
  });
}

/** What can be seen at a glance, often: whether everybody is done, and a number that changes when anybody moves. */
export interface Glance {
  /** Every CPU that has power has done its work, or is out for good. */
  readonly everybodyDone: boolean;
  readonly movement: number;
  /** Changes when anybody does what it has not done lately. */
  readonly news: number;
}

export function glance(machine: Machine): Glance {
  const { memory, layout, board } = machine;
  const words = new Int32Array(memory.buffer, layout.cpuWords, board.cpus.length * CPU_WORDS);
  let everybodyDone = Atomics.load(words, CPU_STATUS) === STATUS_DONE;
  let movement = 0;
  let news = 0;
  for (let at = 0; at < words.length; at += CPU_WORDS) {
    const status = Atomics.load(words, at + CPU_STATUS);
    if (status !== STATUS_DONE && words[at + CPU_POWER] !== 0) everybodyDone = false;
    movement = (Math.imul(movement, 31) + words[at + CPU_PROGRESS]! + 7 * status) | 0;
    const settled = status === STATUS_DONE || status === STATUS_HALTED ? status : 0; // who waits may be about to go on
    news = (Math.imul(news, 31) + words[at + CPU_NEWS]! + 7 * settled) | 0;
  }
  return { everybodyDone, movement, news };
}
