import type { LoggedMark } from '../../src/hardware/memory/mark-log.ts';
import { MARKS, type Mark } from '../../src/kernel/marks.ts';

/** How long each phase of a boot took, in ms; a phase that did not happen is left out. */
export type PhaseTimes = Readonly<Partial<Record<Phase, number>>>;

const PHASES = {
  paint: ['cpu.started', 'linearMap.painted'],
  'bring up': ['linearMap.painted', 'smp.broughtUp'],
  stop: ['repaint.started', 'repaint.painting'],
  park: ['repaint.painting', 'repaint.everybodyParked'],
  repaint: ['repaint.everybodyParked', 'repaint.painted'],
  flush: ['repaint.painted', 'repaint.flushed'],
  release: ['repaint.flushed', 'repaint.finished'],
  work: ['system.running', 'work.finished'],
} as const satisfies Record<string, readonly [Mark, Mark]>;

export type Phase = keyof typeof PHASES;

/** From the first mark that begins a phase to the last one that ends it. */
export function phaseTimes(marks: readonly LoggedMark[]): PhaseTimes {
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { mark, timeMs } of marks) {
    const name = MARKS[mark]!;
    if (!first.has(name)) first.set(name, timeMs);
    last.set(name, timeMs);
  }
  const times: Partial<Record<Phase, number>> = {};
  for (const phase of Object.keys(PHASES) as Phase[]) {
    const [from, to] = PHASES[phase];
    const began = first.get(from);
    const ended = last.get(to);
    if (began !== undefined && ended !== undefined) times[phase] = Math.max(0, ended - began);
  }
  return times;
}
