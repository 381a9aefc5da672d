import { describe, expect, test } from 'vitest';
import { chartViolation } from '../../../src/check/chart/chart.ts';
import { panicViolation } from '../../../src/check/progress/panic.ts';
import {
  goneViolation,
  type Loop,
  livelockViolation,
  repetitionViolation,
  type StuckCpu,
  stallViolation,
  type WakeUp,
} from '../../../src/check/progress/progress.ts';
import type { Touch } from '../../../src/hardware/progress.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';

const cpu = (id: number, status: StuckCpu['status'], waitsFor = '', state = 'online: running'): StuckCpu => ({
  cpu: id,
  status,
  waitsFor,
  state,
});

describe('a machine in which nothing moves', () => {
  test('is a deadlock when all who have something to do wait, and says who waits for what', () => {
    const violation = stallViolation(
      [
        cpu(0, 'waiting', 'the repaint flag to reach 4'),
        cpu(1, 'waiting', 'work'),
        cpu(2, 'waiting', 'the lock'),
        cpu(3, 'done'),
      ],
      3000,
    );
    expect(violation).toMatchObject({
      property: 'deadlock',
      cpu: 0,
      message: 'nobody can go on: CPU 0 waits for the repaint flag to reach 4; CPU 2 waits for the lock',
    });
    expect(violation.evidence).toEqual([
      'CPU 0: waiting for the repaint flag to reach 4, online: running',
      'CPU 1: waiting for work, online: running',
      'CPU 2: waiting for the lock, online: running',
      'CPU 3: done, online: running',
    ]);
  });

  test('names those that wait for the same together, and three of many waits', () => {
    const same = Array.from({ length: 8 }, (_, id) => cpu(id, 'waiting', id === 3 ? 'a page' : 'the lock'));
    expect(stallViolation(same, 1).message).toBe(
      'nobody can go on: CPU 0-2,4-7 wait for the lock; CPU 3 waits for a page',
    );
    const all = Array.from({ length: 8 }, (_, id) => cpu(id, 'waiting', `lock ${id}`));
    expect(stallViolation(all, 1).message).toBe(
      'nobody can go on: CPU 0 waits for lock 0; CPU 1 waits for lock 1; CPU 2 waits for lock 2; and 5 more',
    );
  });

  test("says what should have ended the kernel's own waits, and nothing of others", () => {
    const { remedy } = stallViolation(
      [
        cpu(0, 'waiting', 'the repaint flag to reach 4 (it is 3)'),
        cpu(1, 'waiting', 'the boot CPU to clear the repaint flag'),
        cpu(2, 'waiting', 'the boot CPU to clear the repaint flag'),
        cpu(3, 'waiting', 'a lock of its own'),
      ],
      1,
    );
    expect(remedy).toMatch(
      /^the wake-up of CPU 0 \(6\.18: .*init_idmap_kpti_bbml2_flag\(\).*\), and of CPU 1-2 \(6\.18: .*linear_map_split_to_ptes\(\)\)$/,
    );
    expect(stallViolation([cpu(3, 'waiting', 'a lock of its own')], 1).remedy).toBe('');
    expect(stallViolation([cpu(0, 'waiting', 'work')], 1).remedy).toBe('');
  });

  describe('says what became of wake-ups, where that is known', () => {
    const lost = (looked: number | undefined): WakeUp => ({
      kind: 'lost',
      by: 3,
      step: 41,
      sent: 'an interrupt',
      looked,
      tooEarly: true,
    });

    test('of those together that wait for the same with the same fate', () => {
      const { message } = stallViolation(
        [
          { ...cpu(0, 'waiting', 'the lock'), wakeUp: { kind: 'never' } },
          { ...cpu(1, 'waiting', 'the lock'), wakeUp: { kind: 'never' } },
          { ...cpu(2, 'waiting', 'the lock'), wakeUp: lost(8) },
        ],
        0,
      );
      expect(message).toBe(
        'nobody can go on: CPU 0-1 wait for the lock, and nobody has sent a wake-up since the last look; CPU 2 waits for the lock, and its wake-up is lost: an interrupt by CPU 3 at step 41, after it had looked at 0x0000000000000008 and before it began to wait',
      );
    });

    test('of those that idle for ever only because theirs is lost', () => {
      const idle = [
        { ...cpu(0, 'waiting', 'work'), wakeUp: { kind: 'never' } as const },
        { ...cpu(1, 'waiting', 'work'), wakeUp: lost(undefined) },
      ];
      const { cpu: who, message, remedy } = stallViolation(idle, 0);
      expect(who).toBe(1);
      expect(message).toBe(
        'nobody can go on: CPU 1 waits for work, and its wake-up is lost: an interrupt by CPU 3 at step 41, before it began to wait',
      );
      expect(remedy).toMatch(/^interrupts masked from before the look/);
    });
  });

  test('blames the CPU that died when all others merely idle', () => {
    const violation = stallViolation([cpu(0, 'waiting', 'work'), cpu(1, 'halted', 'Kernel panic - not syncing: x')], 1);
    expect(violation.cpu).toBe(1);
    expect(violation.message).toBe('nobody can go on: CPU 1 has stopped: Kernel panic - not syncing: x');
  });

  test('says so when the boot CPU has not even started', () => {
    expect(stallViolation([cpu(0, 'off'), cpu(1, 'off')], 1).message).toBe('nobody can go on: CPU 0 has not started');
  });

  test('has something to say even when all idle', () => {
    expect(stallViolation([cpu(0, 'waiting', 'work')], 1).message).toMatch(/all wait for work/);
  });

  test.each(['running', 'gone'] as const)('is a hung CPU when one is %s', (status) => {
    const violation = stallViolation([cpu(0, 'waiting', 'the lock'), cpu(5, status, '', 'online: stop · run')], 1234.5);
    expect(violation).toMatchObject({
      property: 'hung',
      cpu: 5,
      message: 'CPU 5 has not got anywhere for 1235 ms, in state online: stop · run',
    });
  });
});

describe('a hung CPU was last seen', () => {
  test.each<[touched: Touch, words: string]>([
    [{ kind: 'load', address: -(2 ** 48) }, 'a load of 0xffff000000000000'],
    [{ kind: 'store', address: 8 }, 'a store to 0x0000000000000008'],
    [{ kind: 'rmw', address: 8 }, 'an atomic access to 0x0000000000000008'],
    [{ kind: 'fetch', address: 8 }, 'a fetch from 0x0000000000000008'],
    [{ kind: 'fill-table', address: FIXMAP + 4096 }, 'a fill of 0x000000001000, through the fixmap'],
  ])('%o', (touched, words) => {
    const violation = stallViolation(
      [
        { ...cpu(0, 'running'), touched },
        { ...cpu(1, 'done'), touched },
      ],
      10,
    );
    expect(violation.message).toBe(
      `CPU 0 has not got anywhere for 10 ms, in state online: running, last seen at ${words}`,
    );
    expect(violation.evidence).toEqual([
      `CPU 0: running, online: running, last seen at ${words}`,
      'CPU 1: done, online: running', // it is past that
    ]);
  });
});

describe('a machine that only repeats itself', () => {
  const touched: Touch = { kind: 'store', address: 8 };
  const others = [cpu(0, 'waiting', 'work'), cpu(2, 'waiting', 'CPU 1'), cpu(3, 'done'), cpu(4, 'off')];

  test('is the fault of those who run', () => {
    const violation = repetitionViolation([...others, { ...cpu(5, 'running'), touched }, cpu(6, 'running')], 20_000.4);
    expect(violation).toMatchObject({
      property: 'hung',
      cpu: 5,
      message:
        'CPU 5-6 have only repeated what was done before for 20000 ms, in state online: running, last seen at a store to 0x0000000000000008',
    });
    expect(violation.evidence).toHaveLength(6);
  });

  test('is the fault of those who wait for one another, when nobody runs just now', () => {
    const { cpu: id, message } = repetitionViolation(others, 5);
    expect(id).toBe(2);
    expect(message).toBe('CPU 2 has only repeated what was done before for 5 ms, in state online: running');
  });

  test('has a name even where all seem to idle', () => {
    expect(repetitionViolation([cpu(0, 'done'), cpu(1, 'waiting', 'work')], 5).message).toMatch(/^CPU 0-1 have only/);
  });
});

describe('CPUs that go round for ever', () => {
  const step = (kind: Loop['over'][number]['kind'], address = 0, reason = ''): Loop['over'][number] => ({
    kind,
    address,
    reason,
  });

  test('are told step by step, and who waits beside them', () => {
    const loops: Loop[] = [
      { cpu: 1, over: [step('rmw', 8), step('wait', 8, 'the lock'), step('tlbi'), step('ipi', 3)] },
      { cpu: 2, over: [step('load', FIXMAP + 4096), step('start'), step('allocate')] },
    ];
    const violation = livelockViolation(loops, [cpu(0, 'waiting', 'work')], 20);
    const first = 'CPU 1: an atomic access to 0x0000000000000008, a wait for the lock, a TLBI, an IPI to CPU 3';
    const second = 'CPU 2: a load of 0x000000001000, through the fixmap, the start of a program, allocate';
    expect(violation).toEqual({
      property: 'livelock',
      cpu: 1,
      step: -1,
      message: `CPU 1-2 go round for ever: the same state came 20 times while all took turns; ${first}; ${second}`,
      evidence: [`${first}, and again`, `${second}, and again`, 'CPU 0: waiting for work, online: running'],
      remedy: '',
    });
  });

  test('may take long: eight steps are told', () => {
    const { message } = livelockViolation([{ cpu: 4, over: Array.from({ length: 11 }, () => step('dsb')) }], [], 16);
    expect(message).toBe(
      `CPU 4 goes round for ever: the same state came 16 times while all took turns; CPU 4: ${Array(8).fill('a DSB').join(', ')}, and 3 steps more`,
    );
  });
});

test('a worker that is gone is a hung CPU in the state its chart was in', () => {
  expect(goneViolation(3, 'online: running', 'it ended with code 7')).toMatchObject({
    property: 'hung',
    cpu: 3,
    message: 'the worker of CPU 3 is gone (it ended with code 7); its chart was in state online: running',
  });
});

test('a panic says what it printed, and for the repaint what would have helped', () => {
  const split = panicViolation(0, 7, 'Kernel panic - not syncing: Failed to split linear map');
  expect(split).toMatchObject({ property: 'panic', cpu: 0, step: 7 });
  expect(split.remedy).toMatch(/GFP_ATOMIC.*linear_map_split_to_ptes\(\)/);
  expect(panicViolation(0, 7, 'Kernel panic - not syncing: x').remedy).toBe('');
});

test('a mark that the chart does not accept names the mark and the state', () => {
  expect(chartViolation(2, 77, 'repaint.parked', 'online: idle')).toMatchObject({
    property: 'chart',
    cpu: 2,
    step: 77,
    message: "CPU 2 marked 'repaint.parked', which its chart does not accept in state online: idle",
  });
});
