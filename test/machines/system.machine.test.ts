import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { statePath } from '../../machines/state-path.ts';
import { type SystemEvent, type SystemInput, systemMachine } from '../../machines/system.machine.ts';
import type { KernelText } from '../../src/kernel/kernel.ts';
import { MARKS, type Mark } from '../../src/kernel/marks.ts';
import { bootInTurns, smallBoard } from './cooperative-boot.ts';

type Told = SystemEvent | [cpu: number, ...marks: Mark[]];

const board: SystemInput = { cpus: 4, lateCpus: [3] };

function told(input: SystemInput, ...told: Told[]) {
  const actor = createActor(systemMachine, { input }).start();
  const refused: string[] = [];
  const events = told.flatMap((each): SystemEvent[] => {
    if (!Array.isArray(each)) return [each];
    const [cpu, ...marks] = each;
    return marks.map((type) => ({ type, cpu }));
  });
  for (const event of events) {
    const snapshot = actor.getSnapshot();
    if (!accepts(snapshot, event)) refused.push(`${event.type} in ${statePath(snapshot)}`);
    actor.send(event);
  }
  const snapshot = actor.getSnapshot();
  return { refused, state: statePath(snapshot), context: snapshot.context, ended: snapshot.hasTag('ended') };
}

const bootCpuUp: Told[] = [[0, 'cpu.started', 'features.detected', 'linearMap.painted', 'cpu.online']];
const up = (cpu: number): Told => [cpu, 'cpu.started', 'features.detected', 'cpu.online', 'cpu.idle'];
const finalised: Told[] = [...bootCpuUp, up(1), up(2), [0, 'smp.broughtUp', 'capabilities.finalised']];
const stopped: Told[] = [...finalised, [0, 'repaint.started', 'stopMachine.prepare', 'stopMachine.run']];
const parked: Told[] = [...stopped, [1, 'repaint.parked'], [2, 'repaint.parked']];
const released: Told[] = [
  ...parked,
  [0, 'repaint.everybodyParked', 'repaint.painted', 'repaint.flushed', 'repaint.released'],
];
const repainted: Told[] = [...released, [1, 'repaint.leaving'], [2, 'repaint.leaving'], [0, 'repaint.finished']];
const runs: Told[] = [...repainted, [3, 'cpu.started', 'features.refused'], [0, 'system.running']];

const down = (cpu: number): Told[] => [
  [1, 'cpuDown.started'],
  [cpu, 'cpu.dying'],
  [1, 'cpuDown.finished'],
];
const goneEarly: Told[] = [...stopped, ...down(2)];
const wentDown: Told[] = [...runs, [0, 'cpuDown.started'], [2, 'cpu.dying'], [0, 'cpuDown.finished']];

describe('a good life is accepted', () => {
  test.each([
    ['off', []],
    ['bootCpuUp', bootCpuUp],
    ['secondariesUp', finalised.slice(0, -1).concat([[0, 'smp.broughtUp']])],
    ['finalised', finalised],
    ['repainting: stopping', parked],
    ['repainting: painting', [...parked, [0, 'repaint.everybodyParked']]],
    ['repainting: releasing', released],
    ['settled: repainted', repainted],
    ['settled: notRepainted', [...finalised, [0, 'repaint.notNeeded']]],
    ['running', runs],
    ['running: takingDown', [...runs, [0, 'cpuDown.started']]],
    ['running: dying', [...runs, [0, 'cpuDown.started'], [2, 'cpu.dying']]],
    ['running', wentDown],
    ['repainting: stopping · takingDown', [...stopped, [1, 'cpuDown.started']]],
    ['repainting: painting', [...goneEarly, [1, 'repaint.parked'], [0, 'repaint.everybodyParked']]],
    ['repainting: releasing', [...released, [1, 'repaint.leaving'], [2, 'repaint.leaving'], ...down(2)]],
    ['settled: repainted · dying', [...repainted, [1, 'cpuDown.started'], [2, 'cpu.dying']]],
    ['running', [...repainted, ...down(2), [3, 'cpu.started', 'features.refused'], [0, 'system.running']]],
    ['running: bringingUp', [...wentDown, [1, 'cpuUp.started']]],
    ['running: returning', [...wentDown, [1, 'cpuUp.started'], [2, 'cpu.started']]],
    ['running: returned', [...wentDown, [1, 'cpuUp.started'], up(2)]],
    ['running', [...wentDown, [1, 'cpuUp.started'], up(2), [1, 'cpuUp.finished']]],
    ['quiescing', [...runs, { type: 'everybody.finished' }]],
    ['verdict: good', [...runs, { type: 'everybody.finished' }, { type: 'rest.checked' }]],
  ] as [string, Told[]][])('as far as %s', (state, events) => {
    expect(told(board, ...events)).toMatchObject({ refused: [], state });
  });

  test.each(['asymmetric-8', 'symmetric-8', 'late-cpu', 'tiny-2', 'level1'])('as the kernel lives it on %s', (name) => {
    const small = smallBoard(name);
    const { seen } = bootInTurns(small);
    const marks = seen.flatMap(({ cpu, event }) => (isMark(event.type) ? [{ type: event.type, cpu }] : []));
    const cpus = small.cpus.length;
    const lived = told({ cpus, lateCpus: small.lateCpus }, ...marks);
    expect(lived).toMatchObject({ refused: [], state: 'running' });
    expect(lived.context.online + lived.context.refused).toBe(cpus);
    expect(lived.context.finished).toBe(lived.context.online);
  });
});

const isMark = (type: string): type is Mark => (MARKS as readonly string[]).includes(type);

describe('a wrong order is refused', () => {
  test.each([
    ['a secondary that runs before the boot CPU', [], [1, 'cpu.started']],
    ['a secondary that is online before the boot CPU', [[0, 'cpu.started']], [1, 'cpu.online']],
    ['all CPUs up while one is missing', [...bootCpuUp, up(1)], [0, 'smp.broughtUp']],
    ['a late CPU among the early ones', bootCpuUp, [3, 'cpu.online']],
    ['final capabilities before all CPUs are up', bootCpuUp, [0, 'capabilities.finalised']],
    ['an early CPU after the capabilities are final', finalised, [2, 'cpu.online']],
    [
      'a repaint before the capabilities are final',
      [...finalised.slice(0, -1), [0, 'smp.broughtUp']],
      [0, 'repaint.started'],
    ],
    ['painting before everybody has parked', [...stopped, [1, 'repaint.parked']], [0, 'repaint.everybodyParked']],
    ['a boot CPU that parks', stopped, [0, 'repaint.parked']],
    ['a CPU that leaves before the release', [...parked, [0, 'repaint.everybodyParked']], [1, 'repaint.leaving']],
    ['a repaint that ends before everybody has left', [...released, [1, 'repaint.leaving']], [0, 'repaint.finished']],
    ['a running system in the middle of a repaint', released, [0, 'system.running']],
    ['a second repaint', repainted, [0, 'repaint.started']],
    ['a repaint after it was found unnecessary', [...finalised, [0, 'repaint.notNeeded']], [0, 'repaint.started']],
    ['a repaint of a running system', runs, [0, 'repaint.started']],
    ['a running system while a late CPU is undecided', repainted, [0, 'system.running']],
    ['work before the system runs', repainted, [1, 'work.started']],
    ['a CPU that dies while nobody takes it down', runs, [2, 'cpu.dying']],
    ['a CPU that is taken down before all early ones are up', bootCpuUp, [0, 'cpuDown.started']],
    ['a CPU that is taken down while one is parked', [...stopped, [1, 'repaint.parked']], [0, 'cpuDown.started']],
    ['a CPU that is taken down while one is still parked', released, [1, 'cpuDown.started']],
    ['a CPU that parks while another is taken down', [...stopped, [1, 'cpuDown.started']], [2, 'repaint.parked']],
    ['a repaint that waits for a CPU that has gone', goneEarly, [0, 'repaint.everybodyParked']],
    ['more CPUs that park than are online', [...goneEarly, [1, 'repaint.parked']], [2, 'repaint.parked']],
    ['a CPU that comes back before the system runs', goneEarly, [0, 'cpuUp.started']],
    ['a CPU that comes back and was not away', runs, [0, 'cpuUp.started']],
    ['the last CPU that dies', [...goneEarly, ...down(1), [0, 'cpuDown.started']], [1, 'cpu.dying']],
    ['an early CPU that is online twice', [...bootCpuUp, up(1), up(2)], [2, 'cpu.online']],
    ['a late CPU that is online and refused', [...repainted, [3, 'cpu.online']], [3, 'features.refused']],
    ['a boot CPU that dies', [...runs, [1, 'cpuDown.started']], [0, 'cpu.dying']],
    ['a CPU that was taken down and never died', [...runs, [0, 'cpuDown.started']], [0, 'cpuDown.finished']],
    ['two CPUs that are taken down at once', [...runs, [0, 'cpuDown.started']], [1, 'cpuDown.started']],
    ['a CPU that comes up while another is taken down', [...runs, [0, 'cpuDown.started']], [1, 'cpuUp.started']],
    ['a CPU that comes back by itself', wentDown, [2, 'cpu.started']],
    [
      'a CPU that is up before it is online',
      [...wentDown, [0, 'cpuUp.started'], [2, 'cpu.started']],
      [0, 'cpuUp.finished'],
    ],
    ['an end while a CPU is taken down', [...runs, [0, 'cpuDown.started']], { type: 'everybody.finished' }],
    ['an end at rest while programs run', runs, { type: 'rest.checked' }],
  ] as [string, Told[], Told][])('%s', (_claim, before, wrong) => {
    expect(told(board, ...before).refused).toEqual([]);
    expect(told(board, ...before, wrong).refused).toHaveLength(1);
  });

  test.each([
    ['the boot CPU does not wait', { *waitForSecondaries() {} }],
    ['the secondaries do not park', { *waitForBootCpu() {}, *waitForSecondaries() {} }],
  ] as [string, Partial<KernelText['repaint']>][])('as the kernel gets it wrong when %s', (_how, change) => {
    const { seen } = bootInTurns(smallBoard('asymmetric-8'), (good) => ({
      ...good,
      repaint: { ...good.repaint, ...change },
    }));
    const marks = seen.flatMap(({ cpu, event }) => (isMark(event.type) ? [{ type: event.type, cpu }] : []));
    expect(told({ cpus: 8, lateCpus: [] }, ...marks).refused[0]).toBe(
      'repaint.everybodyParked in repainting: stopping',
    );
  });
});

describe('marks that concern one CPU', () => {
  const systemWide =
    /^(cpu\.(started|online|dying)|cpuDown|cpuUp|features\.refused|smp|capabilities|system|work|repaint\.(?!painting|parking|painted|flushed))/;

  test('are accepted and passed over everywhere', () => {
    for (const mark of MARKS.filter((name) => !systemWide.test(name)))
      for (const before of [[], bootCpuUp, parked, runs]) {
        const state = told(board, ...before).state;
        expect(told(board, ...before, [1, mark])).toMatchObject({ refused: [], state });
      }
  });
});

describe('the verdict', () => {
  test('is violated as soon as a violation is found, wherever the system is, and stays so', () => {
    for (const before of [[], bootCpuUp, parked, runs]) {
      const found = told(
        board,
        ...before,
        { type: 'violation.found' },
        { type: 'violation.found' },
        { type: 'time.over' },
      );
      expect(found).toMatchObject({ refused: [], state: 'verdict: violated', ended: true });
      expect(found.context.violations).toBe(2);
    }
  });

  test('is inconclusive when time is over first', () => {
    for (const before of [[], bootCpuUp, parked, runs])
      expect(told(board, ...before, { type: 'time.over' }).state).toBe('verdict: inconclusive');
  });

  test('lets CPUs that have not stopped yet mark what they like', () => {
    expect(
      told(board, ...parked, { type: 'violation.found' }, [0, 'smp.broughtUp'], [1, 'work.started']).refused,
    ).toEqual([]);
  });
});
