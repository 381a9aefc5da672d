import { expect } from 'vitest';
import type { CpuInput } from '../../machines/cpu/cpu-chart.ts';
import { statePath } from '../../machines/state-path.ts';
import { type Step, walk } from './walk.ts';

/** Lives of CPUs, step by step, for their chart to judge. */

export const bootCpuUp: Step[] = [
  'power.on',
  'cpu.started',
  'features.detected',
  'linearMap.painted',
  'cpu.online',
  'ends boot',
];
export const capabilitiesFinal: Step[] = [...bootCpuUp, 'smp.broughtUp', 'capabilities.finalised'];
export const secondaryUp: Step[] = [
  'power.on',
  'cpu.started',
  'features.detected',
  'cpu.online',
  'ends boot',
  'cpu.idle',
];
export const lateDetected: Step[] = ['power.on', 'capabilities.known', 'cpu.started', 'features.detected'];

export const running: Step[] = ['stopMachine.prepare', 'stopMachine.irqsOff', 'stopMachine.run'];
export const painting: Step[] = [
  'repaint.started',
  ...running,
  'repaint.painting',
  'repaint.everybodyParked',
  'repaint.painted',
  'repaint.flushed',
  'repaint.released',
  'stopMachine.exit',
  'repaint.finished',
];
export const parking: Step[] = [
  'interrupt.raised',
  ...running,
  'repaint.parking',
  'idmap.installed',
  'repaint.parked',
  'repaint.leaving',
  'idmap.uninstalled',
  'stopMachine.exit',
  'ends stopper',
];
export const working: Step[] = ['ends idle', 'work.started', 'work.finished', 'ends work'];

export const bootCpuLife: Step[] = [
  ...capabilitiesFinal,
  ...painting,
  'system.running',
  'ends bringUp',
  'cpu.idle',
  ...working,
];
export const secondaryLife: Step[] = [...secondaryUp, ...parking, ...working];

/** Steps up to and including `last`. */
export function upTo(steps: readonly Step[], last: Step): Step[] {
  expect(steps).toContain(last);
  return steps.slice(0, steps.indexOf(last) + 1);
}

export const stateAfter = (input: CpuInput, steps: readonly Step[], relies?: boolean): string => {
  const { actor, refused } = walk(input, steps, relies);
  expect(refused).toBeUndefined();
  return statePath(actor.getSnapshot());
};
