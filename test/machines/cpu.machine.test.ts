import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { type CpuEvent, type CpuInput, cpuMachine, type ProgramLogic, standing } from '../../machines/cpu.machine.ts';
import { statePath } from '../../machines/state-path.ts';
import { systemCapabilitiesFinalized } from '../../src/kernel/boot/cpufeature.ts';
import { MARKS } from '../../src/kernel/marks.ts';
import { bootInTurns, marksOf, smallBoard } from './cooperative-boot.ts';
import { bootCpu, fault, lateCpu, type Step, secondary, walk } from './walk.ts';

const bootCpuUp: Step[] = [
  'power.on',
  'cpu.started',
  'features.detected',
  'linearMap.painted',
  'cpu.online',
  'ends boot',
];
const capabilitiesFinal: Step[] = [...bootCpuUp, 'smp.broughtUp', 'capabilities.finalised'];
const secondaryUp: Step[] = ['power.on', 'cpu.started', 'features.detected', 'cpu.online', 'ends boot', 'cpu.idle'];
const lateDetected: Step[] = ['power.on', 'capabilities.known', 'cpu.started', 'features.detected'];

const running: Step[] = ['stopMachine.prepare', 'stopMachine.irqsOff', 'stopMachine.run'];
const painting: Step[] = [
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
const parking: Step[] = [
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
const working: Step[] = ['ends idle', 'work.started', 'work.finished', 'ends work'];

const bootCpuLife: Step[] = [
  ...capabilitiesFinal,
  ...painting,
  'system.running',
  'ends bringUp',
  'cpu.idle',
  ...working,
];
const secondaryLife: Step[] = [...secondaryUp, ...parking, ...working];

/** Steps up to and including `last`. */
function upTo(steps: readonly Step[], last: Step): Step[] {
  expect(steps).toContain(last);
  return steps.slice(0, steps.indexOf(last) + 1);
}

const stateAfter = (input: CpuInput, steps: readonly Step[], relies?: boolean): string => {
  const { actor, refused } = walk(input, steps, relies);
  expect(refused).toBeUndefined();
  return statePath(actor.getSnapshot());
};

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

describe('the kernel lives up to the chart, and the chart drives the kernel', () => {
  const boards = ['asymmetric-8', 'symmetric-8', 'plain-8', 'little-boot-8', 'level1', 'bbml3-4', 'two-bank', 'tiny-2'];

  test.each(boards)('on %s every CPU boots, is stopped if need be, works and is done', (name) => {
    const run = bootInTurns(smallBoard(name));
    expect(run.refused).toEqual([]);
    expect(run.actors.map((actor) => statePath(actor.getSnapshot()))).toEqual(run.inputs.map(() => 'online: done'));
  });

  test('the marks of a repaint are the ones that these tests go by', () => {
    const run = bootInTurns(smallBoard('asymmetric-8'));
    const marksIn = (steps: readonly Step[]) => steps.filter((step) => (MARKS as readonly string[]).includes(step));
    expect(marksOf(run, 0)).toEqual(marksIn(bootCpuLife));
    expect(marksOf(run, 7)).toEqual(marksIn(secondaryLife));
  });

  test('a late CPU that does not qualify is refused, and parks', () => {
    const run = bootInTurns(smallBoard('late-cpu'));
    expect(run.refused).toEqual([]);
    expect(marksOf(run, 3)).toEqual(['cpu.started', 'features.detected', 'features.refused']);
    expect(statePath(run.actors[3]!.getSnapshot())).toBe('refused: parked');
  });

  test('a repaint by a CPU that may not is refused at its first mark', () => {
    const run = bootInTurns(smallBoard('asymmetric-8'), (good) => ({
      ...good,
      repaint: { ...good.repaint, painter: (cpu) => cpu.id === 7 },
    }));
    expect(run.refused).toContain('cpu 7 repaint.painting in online: idle · deciding');
    expect(run.refused).toContain('cpu 0 repaint.parking in online: repainting · deciding');
  });

  test('a late CPU that is let in although the system relies on what it lacks is refused by its chart', () => {
    const run = bootInTurns(smallBoard('late-cpu'), (good) => ({
      ...good,
      *verifyLocalCpuCaps(cpu, k) {
        return yield* systemCapabilitiesFinalized(cpu, k); // which they are
      },
    }));
    expect(run.refused.slice(0, 2)).toEqual([
      'cpu 3 features.accepted in booting: detected',
      'cpu 3 cpu.online in booting: detected',
    ]);
  });

  test('a stopped CPU may run a function that marks nothing: that everybody parks is for the board to know', () => {
    const run = bootInTurns(smallBoard('tiny-2'), (good) => ({
      ...good,
      repaint: { ...good.repaint, *waitForBootCpu() {}, *waitForSecondaries() {} },
    }));
    expect(run.refused).toEqual([]);
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

describe('interrupts', () => {
  const isHandling = (steps: readonly Step[]): boolean =>
    walk(secondary, steps).actor.getSnapshot().children.stopper !== undefined;

  test('wake the stopper, who may find nothing to do', () => {
    expect(isHandling(secondaryUp)).toBe(false);
    expect(isHandling([...secondaryUp, 'interrupt.raised'])).toBe(true);
    expect(stateAfter(secondary, [...secondaryUp, 'interrupt.raised', 'ends stopper', 'interrupt.raised'])).toBe(
      'online: idle',
    );
    expect(isHandling([...secondaryUp, 'interrupt.raised', 'ends stopper'])).toBe(false);
  });

  test('that arrive while the stopper is about wake it again: none is lost', () => {
    const twice: Step[] = [...secondaryUp, 'interrupt.raised', 'interrupt.raised', 'interrupt.raised'];
    expect(isHandling([...twice, 'ends stopper'])).toBe(true);
    expect(isHandling([...twice, 'ends stopper', 'ends stopper'])).toBe(false);
    expect(stateAfter(secondary, [...twice, 'ends stopper', ...running])).toBe('online: idle · deciding');
  });

  test('that arrive in the last instructions of a stop may stop the CPU once more', () => {
    const again: Step[] = [...upTo(secondaryLife, 'stopMachine.exit'), 'interrupt.raised', 'ends stopper'];
    expect(stateAfter(secondary, [...again, ...parking.slice(1)])).toBe('online: idle');
  });

  test('do not disturb the one who stops the others, before interrupts are off and after', () => {
    const steps: Step[] = [
      ...upTo(bootCpuLife, 'stopMachine.prepare'),
      'interrupt.raised',
      'ends stopper',
      'stopMachine.irqsOff',
    ];
    expect(stateAfter(bootCpu, steps)).toBe('online: repainting · irqsOff');
    const after: Step[] = [...upTo(bootCpuLife, 'stopMachine.exit'), 'interrupt.raised', 'repaint.finished'];
    expect(stateAfter(bootCpu, after)).toBe('online: settled');
  });

  test('reach a CPU that has done its work, and one that has just come online', () => {
    expect(stateAfter(secondary, [...secondaryLife, ...parking])).toBe('online: done');
    expect(stateAfter(secondary, [...upTo(secondaryUp, 'cpu.online'), 'interrupt.raised', 'ends stopper'])).toBe(
      'online: settling',
    );
  });

  test('never stop the programs they interrupt', () => {
    const children = (steps: readonly Step[]) => Object.keys(walk(secondary, steps).actor.getSnapshot().children);
    expect(
      children(upTo(secondaryLife, 'repaint.parked'))
        .filter((id) => id !== 'boot')
        .sort(),
    ).toEqual(['idle', 'stopper']);
  });
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

describe('programs', () => {
  /** A CPU whose programs only note that they were started, and for which CPU. */
  function noted(input: CpuInput): { started: string[]; send: (...steps: Step[]) => string[] } {
    const started: string[] = [];
    const refs = new Map<string, { send: (event: { type: 'program.finished' }) => void }>();
    const note = (name: string): ProgramLogic => ({
      ...standing,
      start: (_, { self }) => {
        started.push(name);
        refs.set(name, self);
      },
    });
    const actors = {
      bootProgram: note('boot'),
      bringUpProgram: note('bringUp'),
      idleProgram: note('idle'),
      workProgram: note('work'),
      stopperProgram: note('stopper'),
    };
    const actor = createActor(cpuMachine.provide({ actors }), { input }).start();
    const send = (...steps: Step[]): string[] => {
      for (const step of steps)
        if (step.startsWith('ends ')) refs.get(step.slice(5))!.send({ type: 'program.finished' });
        else actor.send({ type: step, reliesOnBbml2: true } as CpuEvent);
      return started;
    };
    return { started, send };
  }

  test('start when their state is entered, and only then', () => {
    const { started, send } = noted(bootCpu);
    expect(started).toEqual([]);
    expect(send('power.on')).toEqual(['boot']);
    expect(send('cpu.started', 'features.detected', 'linearMap.painted', 'cpu.online')).toEqual(['boot']);
    expect(send('ends boot')).toEqual(['boot', 'bringUp']);
    expect(send('smp.broughtUp', 'capabilities.finalised', ...painting, 'system.running')).toEqual(['boot', 'bringUp']);
    expect(send('ends bringUp')).toEqual(['boot', 'bringUp', 'idle']);
    expect(send('cpu.idle', 'interrupt.raised')).toEqual(['boot', 'bringUp', 'idle', 'stopper']);
    expect(send('ends stopper', 'ends idle')).toEqual(['boot', 'bringUp', 'idle', 'stopper', 'work']);
    expect(send('work.started', 'work.finished', 'ends work')).toHaveLength(5);
  });

  test('of the boot CPU alone bring others up', () => {
    expect(noted(secondary).send(...secondaryUp, ...parking, ...working)).toEqual(['boot', 'idle', 'stopper', 'work']);
  });

  test('are not started on a CPU that is refused', () => {
    expect(
      noted(lateCpu).send(
        'power.on',
        'capabilities.known',
        'cpu.started',
        'features.detected',
        'features.refused',
        'ends boot',
      ),
    ).toEqual(['boot']);
  });

  test('that fail are bugs of the simulator: the chart itself fails', () => {
    const broken: ProgramLogic = {
      ...standing,
      start: () => {
        throw new Error('a simulator bug');
      },
    };
    const errors: unknown[] = [];
    const actor = createActor(cpuMachine.provide({ actors: { bootProgram: broken } }), { input: secondary });
    actor.subscribe({ error: (error) => errors.push(error) });
    actor.start().send({ type: 'power.on' });
    expect(actor.getSnapshot().status).toBe('error');
    expect(errors).toHaveLength(1);
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
