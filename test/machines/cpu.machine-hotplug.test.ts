import { describe, expect, test } from 'vitest';
import { bootCpuUp, running, secondaryUp, stateAfter, working } from './cpu-lives.ts';
import { bootCpu, type Step, secondary, walk } from './walk.ts';

/** The CPU is taken down, and whoever took it down brings it up again. */
const stopped: Step[] = ['interrupt.raised', ...running, 'cpu.dying', 'stopMachine.exit', 'ends stopper'];
const returned: Step[] = [
  'power.on',
  'cpu.started',
  'features.detected',
  'features.accepted',
  'cpu.online',
  'ends boot',
];

describe('a CPU that comes and goes', () => {
  const works: Step[] = [...secondaryUp, 'ends idle', 'work.started', 'work.finished'];
  const away: Step[] = [...works, ...stopped, 'ends work', 'power.off'];

  test('is taken down in a stopped machine, comes back with what it had, and works again', () => {
    expect(stateAfter(secondary, [...works, ...stopped])).toBe('online: ending · leaving');
    expect(stateAfter(secondary, away)).toBe('away');
    expect(stateAfter(secondary, [...away, ...returned, ...working])).toBe('online: done');
  });

  test('is sent away by one that says so, and does nothing else to page tables meanwhile', () => {
    const sends: Step[] = [
      ...bootCpuUp,
      'smp.broughtUp',
      'capabilities.finalised',
      'repaint.notNeeded',
      'system.running',
    ];
    const sending: Step[] = [...sends, 'ends bringUp', 'ends idle', 'cpuDown.started'];
    expect(stateAfter(bootCpu, sending)).toBe('online: beginning · hotplugging');
    expect(
      stateAfter(bootCpu, [...sending, ...running, 'stopMachine.exit', 'cpuDown.finished', 'cpuUp.started']),
    ).toContain('hotplugging');
    expect(walk(bootCpu, [...sending, 'split.started']).refused).toBe('split.started');
  });

  test('goes before the system runs, and loses power in its idle task', () => {
    const idles = secondaryUp;
    const dead: Step[] = [...idles, ...stopped, 'ends idle'];
    expect(stateAfter(secondary, dead)).toBe('online: idle · leaving'); // and not at work
    expect(stateAfter(secondary, [...dead, 'power.off'])).toBe('away');
    expect(stateAfter(secondary, [...idles, 'cpuDown.started', ...running])).toBe('online: idle · deciding');
    expect(walk(secondary, [...idles, ...running]).refused).toBe('stopMachine.prepare');
  });

  test('is stopped by somebody else while it is about to repaint, and repaints after that', () => {
    const aboutTo: Step[] = [
      ...bootCpuUp,
      'smp.broughtUp',
      'capabilities.finalised',
      'repaint.started',
      'interrupt.raised',
      ...running,
      'stopMachine.exit',
      'ends stopper',
    ];
    expect(stateAfter(bootCpu, aboutTo)).toBe('online: repainting');
    expect(walk(bootCpu, [...aboutTo, 'repaint.finished']).refused).toBe('repaint.finished');
    expect(walk(bootCpu, [...aboutTo, ...running, 'stopMachine.exit']).refused).toBe('stopMachine.exit');
    expect(stateAfter(bootCpu, [...aboutTo, ...running, 'repaint.painting'])).toBe('online: repainting · waiting');
  });

  test.each([
    ['dies while the machine runs', works, 'cpu.dying'],
    ['loses power without having been taken down', works, 'power.off'],
    ['is online again without having been accepted', [...away, ...returned.slice(0, 3)], 'cpu.online'],
    ['is refused though it was there before', [...away, ...returned.slice(0, 3)], 'features.refused'],
    ['works while it is away', away, 'work.started'],
  ] as [string, Step[], Step][])('never %s', (_how, before, wrong) => {
    expect(walk(secondary, before).refused).toBeUndefined();
    expect(walk(secondary, [...before, wrong]).refused).toBe(wrong);
  });
});
