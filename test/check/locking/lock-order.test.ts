import { describe, expect, test } from 'vitest';
import { lockNotesOf, MOST_HELD } from '../../../src/check/locking/lock-notes.ts';
import { lockOrder } from '../../../src/check/locking/lock-order.ts';
import { notebookOf } from '../../../src/check/notebook.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { nobody } from '../../../src/hardware/observer.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { attachMachine, cpuOf, createMachine, handleOf } from '../../../src/hardware/system.ts';
import { LOCK_CLASSES, LOCK_NAMES, type LockName, type LocksOf } from '../../../src/kernel/locking/lock-class.ts';
import {
  downRead,
  downWrite,
  mutexLock,
  mutexUnlock,
  rawSpinLock,
  rawSpinUnlock,
  spinLock,
  spinUnlock,
  upRead,
  upWrite,
} from '../../../src/kernel/locking/locks.ts';
import { bootSmall, type Interleaved, interleave, runToEnd } from '../../kernel/interleaved.ts';

const PGTABLE = 'pgtable_split_lock';
const MMAP = 'init_mm.mmap_lock';
const TEXT = 'text_mutex';

type Step = `+${LockName}` | `-${LockName}` | `+r ${LocksOf<'rwsem'>}` | `-r ${LocksOf<'rwsem'>}`;

/** What CPU `id` does: takes (`+`) and gives back (`-`) locks by name; `r`: for reading. */
function* doing({ cpus, kernels }: Interleaved, id: number, steps: readonly Step[]): Op {
  const [cpu, k] = [cpus[id]!, kernels[id]!];
  for (const step of steps) {
    const shared = step[1] === 'r' && step[2] === ' ';
    const name = step.slice(shared ? 3 : 1) as LockName;
    const [take, give] = {
      spinlock: [spinLock, spinUnlock],
      raw_spinlock: [rawSpinLock, rawSpinUnlock],
      mutex: [mutexLock, mutexUnlock],
      rwsem: shared ? [downRead, upRead] : [downWrite, upWrite],
    }[LOCK_CLASSES[name]] as [typeof mutexLock, typeof mutexUnlock];
    yield* (step[0] === '+' ? take : give)(cpu, k, name as LocksOf<'mutex'>);
  }
}

/** CPU after CPU, to the end: nobody ever waits. */
function inTurn(machine: Interleaved, ...programs: readonly (readonly [number, ...Step[]])[]): Interleaved {
  for (const [id, ...steps] of programs) runToEnd(doing(machine, id, steps));
  return machine;
}

const nested = (outer: LockName, inner: LockName): Step[] => [`+${outer}`, `+${inner}`, `-${inner}`, `-${outer}`];
const said = ({ violations }: Interleaved): string[] => violations.map(({ message }) => message);

describe('locks taken in both orders', () => {
  test('are caught on two CPUs, though neither waited: both chains are named', () => {
    const machine = inTurn(bootSmall(2), [0, ...nested(PGTABLE, MMAP)], [1, ...nested(MMAP, PGTABLE)]);
    expect(machine.violations).toHaveLength(1);
    const [{ property, cpu, message, evidence, remedy }] = machine.violations as [(typeof machine.violations)[0]];
    expect([property, cpu]).toEqual(['lock-order', 1]);
    expect(message).toBe(
      'possible circular locking dependency detected: CPU 1 takes pgtable_split_lock while it holds init_mm.mmap_lock, and init_mm.mmap_lock has been taken under pgtable_split_lock',
    );
    expect(evidence).toEqual([
      expect.stringMatching(/^CPU 1, after step \d+: init_mm.mmap_lock -> pgtable_split_lock$/),
      expect.stringMatching(/^CPU 0, after step \d+: pgtable_split_lock -> init_mm.mmap_lock$/),
      'deadlock when CPU 1 waits for pgtable_split_lock and CPU 0, which holds it, for init_mm.mmap_lock',
    ]);
    expect(remedy).toMatch(/^the same order everywhere: pgtable_split_lock before init_mm.mmap_lock/);
  });

  test('are caught before the wait, where the run does deadlock', () => {
    const machine = bootSmall(2);
    inTurn(machine, [0, `+${PGTABLE}`], [1, `+${MMAP}`]);
    const waits = [doing(machine, 0, [`+${MMAP}`]), doing(machine, 1, [`+${PGTABLE}`])];
    for (const op of waits) expect(() => runToEnd(op)).toThrow(/^wait: lock /);
    expect(said(machine)).toHaveLength(1);
  });

  test('are caught on one CPU, at two times', () => {
    expect(said(inTurn(bootSmall(1), [0, ...nested(PGTABLE, TEXT)], [0, ...nested(TEXT, PGTABLE)]))).toHaveLength(1);
  });

  test('are caught by way of a third, which is named', () => {
    const machine = inTurn(bootSmall(3), [0, ...nested(PGTABLE, MMAP)], [1, ...nested(MMAP, TEXT)]);
    expect(said(machine)).toEqual([]);
    inTurn(machine, [2, ...nested(TEXT, PGTABLE)]);
    expect(said(machine)).toEqual([expect.stringMatching(/by way of init_mm.mmap_lock$/)]);
    expect(machine.violations[0]!.evidence).toHaveLength(4);
  });

  test('are caught where both only read: a writer may come between', () => {
    const other = 'cpu_hotplug_lock';
    const both = (outer: LocksOf<'rwsem'>, inner: LocksOf<'rwsem'>): Step[] => [
      `+r ${outer}`,
      `+r ${inner}`,
      `-r ${inner}`,
      `-r ${outer}`,
    ];
    expect(said(inTurn(bootSmall(2), [0, ...both(MMAP, other)], [1, ...both(other, MMAP)]))).toHaveLength(1);
  });

  test('are caught once, however often they come', () => {
    const round = [
      [0, ...nested(PGTABLE, MMAP)],
      [1, ...nested(MMAP, PGTABLE)],
    ] as const;
    expect(said(inTurn(bootSmall(2), ...round, ...round, ...round))).toHaveLength(1);
  });

  test('are caught among all that a CPU holds, not the last alone', () => {
    const three: Step[] = [`+${PGTABLE}`, `+${MMAP}`, `+${TEXT}`, `-${TEXT}`, `-${MMAP}`, `-${PGTABLE}`];
    const machine = inTurn(bootSmall(2), [0, ...three], [1, ...nested(TEXT, PGTABLE)]);
    expect(said(machine)).toEqual([expect.stringMatching(/and text_mutex has been taken under pgtable_split_lock$/)]);
  });

  test('are caught across threads: what was seen lies in the buffer of the machine', () => {
    const machine = inTurn(bootSmall(2), [0, ...nested(PGTABLE, MMAP)]);
    const other = attachMachine(handleOf(machine.machine));
    const reports: string[] = [];
    const cpu = cpuOf(other, 1, { choose: () => 0, controlled: false });
    const { lockAcquire } = lockOrder.observe!({
      kernel: machine.kernels[1]!,
      report: (_cpu, _property, message) => reports.push(message),
    });
    const use = (name: LockName) => ({ lockClass: LOCK_NAMES.indexOf(name), va: 0, shared: false });
    lockAcquire!(cpu, use(MMAP));
    lockAcquire!(cpu, use(PGTABLE));
    expect(reports).toHaveLength(1);
  });

  test('are forgotten with the rest of the machine, when its bytes are put back', () => {
    const machine = bootSmall(2);
    const bytes = new Uint8Array(machine.machine.memory.buffer);
    const before = bytes.slice();
    inTurn(machine, [0, ...nested(PGTABLE, MMAP)]);
    bytes.set(before);
    expect(said(inTurn(machine, [1, ...nested(MMAP, PGTABLE)]))).toEqual([]);
    expect(said(inTurn(machine, [0, ...nested(PGTABLE, MMAP)]))).toHaveLength(1);
  });
});

describe('nobody complains', () => {
  test('where all CPUs take them in one order, however they are scheduled', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const machine = bootSmall(3, {}, seed);
      const ordered: readonly Step[][] = [nested(PGTABLE, MMAP), nested(MMAP, TEXT), nested(PGTABLE, TEXT)];
      const programs = machine.cpus.map((_, id) =>
        doing(machine, id, [...ordered[id]!, ...ordered[(id + 1) % 3]!, ...ordered[(id + 2) % 3]!]),
      );
      interleave(programs, seed);
      expect(machine.violations).toEqual([]);
      expect(lockOrder.atRest!(machine.machine, machine.kernels[0]!)).toEqual([]);
    }
  });

  test('where both orders are one after the other, never one inside the other', () => {
    const flat: Step[] = [`+${PGTABLE}`, `-${PGTABLE}`, `+${MMAP}`, `-${MMAP}`, `+${PGTABLE}`, `-${PGTABLE}`];
    expect(said(inTurn(bootSmall(2), [0, ...flat], [1, ...flat]))).toEqual([]);
  });

  test('where they are given back in another order than they were taken', () => {
    const crossed: Step[] = [`+${PGTABLE}`, `+${MMAP}`, `-${PGTABLE}`, `+${TEXT}`, `-${MMAP}`, `-${TEXT}`];
    const machine = inTurn(bootSmall(2), [0, ...crossed], [1, ...crossed]);
    expect(said(machine)).toEqual([]);
    expect(lockOrder.atRest!(machine.machine, machine.kernels[0]!)).toEqual([]);
  });

  test('where several CPUs hold one rwsem for reading', () => {
    expect(
      said(inTurn(bootSmall(2), [0, `+r ${MMAP}`], [1, `+r ${MMAP}`], [0, `-r ${MMAP}`], [1, `-r ${MMAP}`])),
    ).toEqual([]);
  });
});

describe('a lock of a class the CPU holds already', () => {
  test('is caught: an rwsem that is read twice waits for itself once a writer waits', () => {
    const machine = inTurn(bootSmall(1), [0, `+r ${MMAP}`, `+r ${MMAP}`, `-r ${MMAP}`, `-r ${MMAP}`]);
    expect(said(machine)).toEqual([
      'possible recursive locking detected: CPU 0 takes init_mm.mmap_lock while it holds the same lock',
    ]);
    expect(machine.violations[0]!.evidence).toEqual([
      'it holds, in this order: down_read(&init_mm.mmap_lock)',
      'and now down_read(&init_mm.mmap_lock)',
    ]);
    expect(machine.violations[0]!.remedy).toMatch(/^up_read\(/);
  });

  test('is caught before it waits for itself', () => {
    const machine = bootSmall(1);
    expect(() => runToEnd(doing(machine, 0, [`+${TEXT}`, `+${TEXT}`]))).toThrow('wait: lock text_mutex, held by CPU 0');
    expect(said(machine)).toHaveLength(1);
  });

  test('is caught where it is another lock: of two of a kind nothing says which comes first', () => {
    const machine = bootSmall(1);
    const [cpu, k] = [machine.cpus[0]!, machine.kernels[0]!];
    runToEnd(mutexLock(cpu, k, TEXT));
    runToEnd(mutexLock(cpu, k, TEXT, k.symbols.variables.cpus_finished));
    expect(said(machine)).toEqual([expect.stringMatching(/holds another lock of the same class$/)]);
  });
});

describe('an unlock', () => {
  const CASES: readonly (readonly [string, readonly (readonly [number, ...Step[]])[]])[] = [
    ['of a lock nobody holds', [[0, `-${TEXT}`]]],
    [
      'of a lock another CPU holds',
      [
        [1, `+${TEXT}`],
        [0, `-${TEXT}`],
      ],
    ],
    ['that comes twice', [[0, `+${TEXT}`, `-${TEXT}`, `-${TEXT}`]]],
    ['up_write() for down_read()', [[0, `+r ${MMAP}`, `-${MMAP}`]]],
    ['up_read() for down_write()', [[0, `+${MMAP}`, `-r ${MMAP}`]]],
  ];
  test.each(CASES)('%s is caught', (_, programs) => {
    expect(said(inTurn(bootSmall(2), ...programs))).toEqual([
      expect.stringMatching(/^bad unlock balance detected: CPU 0 gives back \S+, which it does not hold$/),
    ]);
  });

  test('of another lock of the class is caught', () => {
    const machine = bootSmall(1);
    const [cpu, k] = [machine.cpus[0]!, machine.kernels[0]!];
    runToEnd(mutexLock(cpu, k, TEXT));
    runToEnd(mutexUnlock(cpu, k, TEXT, k.symbols.variables.cpus_finished));
    expect(said(machine)).toHaveLength(1);
    expect(machine.violations[0]!.evidence).toEqual(['it holds, in this order: mutex_lock(&text_mutex)']);
  });
});

describe('at rest', () => {
  test('whoever still holds a lock is caught, with what gives it back', () => {
    const machine = inTurn(bootSmall(3), [2, `+${TEXT}`, '+init_mm.page_table_lock'], [1, `+r ${MMAP}`]);
    const found = lockOrder.atRest!(machine.machine, machine.kernels[0]!);
    expect(found.map(({ message }) => message)).toEqual([
      'CPU 1 has come to its end with a lock still held: init_mm.mmap_lock',
      'CPU 2 has come to its end with 2 locks still held: text_mutex, init_mm.page_table_lock',
    ]);
    expect(found.map(({ remedy }) => remedy)).toEqual([
      'up_read(&init_mm.mmap_lock) on every way out',
      'spin_unlock(&init_mm.page_table_lock) on every way out',
    ]);
  });
});

test.each([1, 192])('the notes of %i CPUs have bytes of their own, behind the notebook', (cpus) => {
  const board = { ...defaultBoard, cpus: Array.from({ length: cpus }, () => defaultBoard.cpus[0]!) };
  const machine = createMachine(board, { poolFrames: 64 });
  const { words, capacity } = notebookOf(machine);
  const { held, edges } = lockNotesOf(machine);
  const end = (column: Int32Array): number => column.byteOffset + column.byteLength;
  expect(capacity).toBeGreaterThan(700);
  expect(held.byteOffset).toBeGreaterThanOrEqual(end(words));
  expect(edges.byteOffset).toBeGreaterThanOrEqual(end(held));
  expect(end(edges)).toBeLessThanOrEqual(machine.layout.checks + machine.layout.checksBytes);
});

test('more locks than can be noted are a statement, and no crash', () => {
  const machine = bootSmall(1);
  const { cpus, kernels } = machine;
  const deepest = LOCK_NAMES.slice(0, MOST_HELD + 1);
  const reports: string[] = [];
  const observer = {
    ...nobody,
    ...lockOrder.observe!({ kernel: kernels[0]!, report: (_cpu, _p, text) => reports.push(text) }),
  };
  for (const name of deepest)
    observer.lockAcquire(cpus[0]!, { lockClass: LOCK_NAMES.indexOf(name), va: 0, shared: false });
  expect(reports).toEqual([`MAX_LOCK_DEPTH too low: CPU 0 takes lock ${MOST_HELD + 1}`]);
});
