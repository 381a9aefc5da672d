import { describe, expect, test } from 'vitest';
import { accepts } from '../../machines/accepts.ts';
import type { CpuEvent, CpuInput } from '../../machines/cpu/cpu-chart.ts';
import { statePath } from '../../machines/state-path.ts';
import { MARKS } from '../../src/kernel/marks.ts';
import {
  bootCpuLife,
  bootCpuUp,
  capabilitiesFinal,
  lateDetected,
  painting,
  parking,
  running,
  secondaryLife,
  secondaryUp,
  stateAfter,
  upTo,
  working,
} from './cpu-lives.ts';
import { bootCpu, fault, lateCpu, type Step, secondary, walk } from './walk.ts';

describe('a good life is accepted mark by mark', () => {
  test('of the boot CPU, with a repaint', () => {
    expect(stateAfter(bootCpu, bootCpuLife)).toBe('online: done');
  });

  test('of the boot CPU, without one', () => {
    const steps: Step[] = [...capabilitiesFinal, 'repaint.notNeeded', 'system.running', 'ends bringUp', ...working];
    expect(stateAfter(bootCpu, steps)).toBe('online: done');
  });

  test('of a secondary that is stopped and parks', () => {
    expect(stateAfter(secondary, secondaryLife)).toBe('online: done');
  });

  test('of a late CPU that is refused', () => {
    expect(stateAfter(lateCpu, [...lateDetected, 'features.refused'])).toBe('refused: telling');
    expect(stateAfter(lateCpu, [...lateDetected, 'features.refused', 'ends boot'])).toBe('refused: parked');
  });

  test('of a late CPU that qualifies, or that nobody needs to qualify', () => {
    const steps: Step[] = [...lateDetected, 'features.accepted', 'cpu.online', 'ends boot', 'cpu.idle'];
    expect(stateAfter({ ...lateCpu, qualifies: true }, steps)).toBe('online: idle');
    expect(stateAfter(lateCpu, steps, false)).toBe('online: idle');
  });

  test('of a CPU that is stopped in the middle of its work, and works on', () => {
    const stopped: Step[] = ['interrupt.raised', ...running, 'stopMachine.exit', 'ends stopper'];
    const steps: Step[] = [...secondaryUp, 'ends idle', 'work.started', 'split.started', ...stopped, 'split.finished'];
    expect(stateAfter(secondary, [...steps, 'work.finished', 'work.started', 'work.finished', 'ends work'])).toBe(
      'online: done',
    );
  });

  test('of a CPU that stops the others from its work', () => {
    const steps: Step[] = [
      ...secondaryUp,
      'ends idle',
      'work.started',
      ...running,
      'stopMachine.exit',
      'work.finished',
    ];
    expect(stateAfter(secondary, steps)).toBe('online: ending');
  });
});

describe('a wrong order is refused', () => {
  const inSecondary = (last: Step): Step[] => upTo(secondaryLife, last);
  const inBootCpu = (last: Step): Step[] => upTo(bootCpuLife, last);
  const wrong: [claim: string, input: CpuInput, before: Step[], refused: Step][] = [
    ['running before power-on', secondary, [], 'cpu.started'],
    ['detecting before it has started', secondary, ['power.on'], 'features.detected'],
    ['online before its features are known', secondary, inSecondary('cpu.started'), 'cpu.online'],
    ['a secondary that paints the linear map', secondary, inSecondary('features.detected'), 'linearMap.painted'],
    ['a boot CPU that is online with nothing painted', bootCpu, inBootCpu('features.detected'), 'cpu.online'],
    ['an early CPU that is verified as a late one', secondary, inSecondary('features.detected'), 'features.accepted'],
    ['an early CPU that is refused', secondary, inSecondary('features.detected'), 'features.refused'],
    ['a late CPU that is online without verification', lateCpu, lateDetected, 'cpu.online'],
    ['an unqualified late CPU that is let in', lateCpu, lateDetected, 'features.accepted'],
    ['a qualified late CPU that is refused', { ...lateCpu, qualifies: true }, lateDetected, 'features.refused'],
    ['a refused CPU that comes online', lateCpu, [...lateDetected, 'features.refused'], 'cpu.online'],
    ['an early CPU that is told the final answer', secondary, ['power.on'], 'capabilities.known'],
    ['an interrupt before interrupts are on', secondary, inSecondary('features.detected'), 'interrupt.raised'],
    ['idling before it is online', secondary, inSecondary('features.detected'), 'cpu.idle'],
    ['a secondary that brings others up', secondary, secondaryUp, 'smp.broughtUp'],
    ['final capabilities before all CPUs are up', bootCpu, bootCpuUp, 'capabilities.finalised'],
    ['a repaint before the capabilities are final', bootCpu, inBootCpu('smp.broughtUp'), 'repaint.started'],
    ['a running system before the repaint was decided', bootCpu, capabilitiesFinal, 'system.running'],
    ['a running system in the middle of the repaint', bootCpu, inBootCpu('repaint.released'), 'system.running'],
    ['the machine stopped by an idle CPU', secondary, secondaryUp, 'stopMachine.prepare'],
    ['the machine stopped with nothing to repaint', bootCpu, capabilitiesFinal, 'stopMachine.prepare'],
    ['a phase of the stop left out', secondary, inSecondary('stopMachine.prepare'), 'stopMachine.run'],
    ['an interrupt with interrupts off', secondary, inSecondary('stopMachine.irqsOff'), 'interrupt.raised'],
    ['an interrupt while parked', secondary, inSecondary('repaint.parked'), 'interrupt.raised'],
    ['painting on a secondary', secondary, inSecondary('stopMachine.run'), 'repaint.painting'],
    ['parking on the boot CPU', bootCpu, inBootCpu('stopMachine.run'), 'repaint.parking'],
    ['parked before the idmap is installed', secondary, inSecondary('repaint.parking'), 'repaint.parked'],
    ['parked outside of a stop', secondary, [...secondaryUp, 'idmap.installed'], 'repaint.parked'],
    ['out of the idmap without having parked', secondary, inSecondary('idmap.installed'), 'idmap.uninstalled'],
    ['out of the idmap with the reserved TTBR1', secondary, inSecondary('repaint.parked'), 'idmap.uninstalled'],
    ['a second idmap', secondary, inSecondary('idmap.installed'), 'idmap.installed'],
    ['an idmap under the one who paints', bootCpu, inBootCpu('repaint.painting'), 'idmap.installed'],
    ['out of the stop while parked', secondary, inSecondary('repaint.parked'), 'stopMachine.exit'],
    ['out of the stop while still in the idmap', secondary, inSecondary('repaint.leaving'), 'stopMachine.exit'],
    ['painted before everybody parked', bootCpu, inBootCpu('repaint.painting'), 'repaint.painted'],
    ['released before painted', bootCpu, inBootCpu('repaint.everybodyParked'), 'repaint.released'],
    ['released before flushed', bootCpu, inBootCpu('repaint.painted'), 'repaint.released'],
    ['out of the stop before released', bootCpu, inBootCpu('repaint.flushed'), 'stopMachine.exit'],
    ['a repaint that nobody painted', bootCpu, inBootCpu('stopMachine.run'), 'stopMachine.exit'],
    ['a repaint finished without a stop', bootCpu, inBootCpu('repaint.started'), 'repaint.finished'],
    ['a repaint finished inside the stop', bootCpu, inBootCpu('repaint.released'), 'repaint.finished'],
    ['a repaint finished on a secondary', secondary, inSecondary('stopMachine.exit'), 'repaint.finished'],
    ['a second repaint', bootCpu, inBootCpu('repaint.finished'), 'repaint.started'],
    ['work before it is given', secondary, secondaryUp, 'work.started'],
    ['work that ends before it began', secondary, inSecondary('ends idle'), 'work.finished'],
    ['a split that ends before it began', secondary, inSecondary('work.started'), 'split.finished'],
    [
      'work that ends in the middle of a split',
      secondary,
      [...inSecondary('work.started'), 'split.started'],
      'work.finished',
    ],
    ['a split in the middle of a split', secondary, [...inSecondary('work.started'), 'split.started'], 'split.started'],
  ];

  test.each(wrong)('%s', (_claim, input, before, refused) => {
    expect(walk(input, before).refused).toBeUndefined();
    expect(walk(input, [...before, refused])).toMatchObject({ refused, accepted: before.length });
  });

  test.each([
    ['the boot CPU', bootCpu, capabilitiesFinal, painting, []],
    ['a secondary', secondary, secondaryUp, parking, ['interrupt.raised']],
  ] as [string, CpuInput, Step[], Step[], Step[]][])(
    '%s cannot leave out any step of the repaint, nor swap two of them',
    (_who, input, before, steps, after) => {
      for (const i of steps.keys()) {
        const without = steps.toSpliced(i, 1);
        if (i < steps.length - 1 || after.length === 0)
          expect([steps[i], walk(input, [...before, ...without, ...after, 'system.running']).refused]).not.toContain(
            undefined,
          );
        if (i + 1 === steps.length || steps[i + 1]!.startsWith('ends')) continue;
        const swapped = steps.toSpliced(i, 2, steps[i + 1]!, steps[i]!);
        expect([steps[i], walk(input, [...before, ...swapped]).refused]).not.toContain(undefined);
      }
    },
  );
});

describe('the end of a CPU', () => {
  const anywhere: [string, CpuInput, Step[]][] = [
    ['booting', secondary, upTo(secondaryUp, 'cpu.started')],
    ['idle', secondary, secondaryUp],
    ['parked', secondary, upTo(secondaryLife, 'repaint.parked')],
    ['painting', bootCpu, upTo(bootCpuLife, 'repaint.everybodyParked')],
    ['refused', lateCpu, [...lateDetected, 'features.refused']],
    ['done', secondary, secondaryLife],
  ];

  test.each(anywhere)('can come while it is %s', (_where, input, steps) => {
    const ends: [CpuEvent, string][] = [
      [fault('translation'), 'faulted: translation'],
      [fault('permission'), 'faulted: permission'],
      [fault('tlb-conflict'), 'faulted: conflict'],
      [fault('external-abort'), 'faulted: other'],
      [{ type: 'cpu.panicked' }, 'panicked'],
      [{ type: 'cpu.hung', waitingFor: 'the repaint flag to reach 2' }, 'hung'],
      [{ type: 'cpu.stopped' }, 'offline'],
    ];
    for (const [event, state] of ends) {
      const { actor } = walk(input, steps);
      expect(accepts(actor.getSnapshot(), event)).toBe(true);
      actor.send(event);
      expect(statePath(actor.getSnapshot())).toBe(state);
      expect(actor.getSnapshot().hasTag('ended')).toBe(true);
      expect(actor.getSnapshot().hasTag('failed')).toBe(event.type !== 'cpu.stopped');
      expect(Object.values(actor.getSnapshot().children).filter((child) => child !== undefined)).toEqual([]);
    }
  });

  test('is final: nothing is accepted after it', () => {
    const { actor } = walk(secondary, secondaryUp);
    actor.send(fault('tlb-conflict'));
    for (const type of [...MARKS, 'power.on', 'interrupt.raised', 'cpu.stopped'])
      expect(accepts(actor.getSnapshot(), { type } as CpuEvent)).toBe(false);
  });
});

test('the context counts interrupts, stops and splits', () => {
  const steps: Step[] = [
    ...secondaryUp,
    ...parking,
    'interrupt.raised',
    'ends stopper',
    'ends idle',
    'work.started',
    'split.started',
  ];
  expect(walk(secondary, steps).actor.getSnapshot().context).toMatchObject({ interrupts: 2, stops: 1, splits: 1 });
});
