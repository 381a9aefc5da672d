import { describe, expect, test } from 'vitest';
import { statePath } from '../../machines/state-path.ts';
import { bootInTurns, smallBoard } from './cooperative-boot.ts';
import { bootCpu, type Step, secondary, walk } from './walk.ts';

const at = (steps: Step[], input = secondary): string => statePath(walk(input, steps).actor.getSnapshot());
const online: Step[] = ['power.on', 'cpu.started', 'features.detected', 'cpu.online'];
const stopped: Step[] = ['interrupt.raised', 'stopMachine.prepare', 'stopMachine.irqsOff', 'stopMachine.run'];

describe('where a CPU stands, in a few words', () => {
  test.each([
    ['off', []],
    ['booting: starting', ['power.on']],
    ['online: settling', online],
    ['online: idle', [...online, 'ends boot']],
    ['online: idle · irqsOff', [...online, 'ends boot', ...stopped.slice(0, 3)]],
    [
      'online: idle · parked · idmap',
      [...online, 'ends boot', ...stopped, 'repaint.parking', 'idmap.installed', 'repaint.parked'],
    ],
    ['online: working · splitting', [...online, 'ends boot', 'ends idle', 'work.started', 'split.started']],
    ['hung', ['power.on', 'cpu.hung']],
  ] as [string, Step[]][])('%s', (path, steps) => {
    expect(at(steps)).toBe(path);
  });

  test('of the boot CPU that paints', () => {
    const up: Step[] = ['power.on', 'cpu.started', 'features.detected', 'linearMap.painted', 'cpu.online', 'ends boot'];
    const repaint: Step[] = ['smp.broughtUp', 'capabilities.finalised', 'repaint.started', ...stopped.slice(1)];
    expect(at([...up, ...repaint, 'repaint.painting', 'repaint.everybodyParked'], bootCpu)).toBe(
      'online: repainting · splitting',
    );
  });

  test('fits a lane: no path of a whole boot is longer than 40 characters', () => {
    const run = bootInTurns(smallBoard('asymmetric-8'));
    for (const { before } of run.seen) expect(before.length).toBeLessThanOrEqual(40);
  });
});
