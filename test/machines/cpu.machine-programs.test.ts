import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type CpuEvent, type CpuInput, type ProgramLogic, standing } from '../../machines/cpu/cpu-chart.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import { statePath } from '../../machines/state-path.ts';
import { systemCapabilitiesFinalized } from '../../src/kernel/boot/cpufeature.ts';
import { MARKS } from '../../src/kernel/marks.ts';
import { bootInTurns, marksOf, smallBoard } from './cooperative-boot.ts';
import {
  bootCpuLife,
  painting,
  parking,
  running,
  secondaryLife,
  secondaryUp,
  stateAfter,
  upTo,
  working,
} from './cpu-lives.ts';
import { bootCpu, lateCpu, type Step, secondary, walk } from './walk.ts';

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
