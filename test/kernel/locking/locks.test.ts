import { describe, expect, test } from 'vitest';
import { seededChooser } from '../../../src/hardware/chooser.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { load, loadAdd, store } from '../../../src/hardware/instruction/load-store.ts';
import { acknowledge, interruptDue } from '../../../src/hardware/interrupt.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { multiCpuStop, stopMachine, takeStopWork } from '../../../src/kernel/boot/stop-machine.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { type Kernel, percpuVariable, variablePa } from '../../../src/kernel/kernel.ts';
import { LOCK_NAMES } from '../../../src/kernel/locking/lock-class.ts';
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
import { bootSmall, type Interleaved, interleave, runToEnd } from '../interleaved.ts';

type Locking = (cpu: Cpu, k: Kernel) => Op;
interface Lock {
  readonly lock: Locking;
  readonly unlock: Locking;
}

const spinlock: Lock = {
  lock: (cpu, k) => spinLock(cpu, k, 'init_mm.page_table_lock'),
  unlock: (cpu, k) => spinUnlock(cpu, k, 'init_mm.page_table_lock'),
};
const rawSpinlock: Lock = {
  lock: (cpu, k) => rawSpinLock(cpu, k, 'patch_lock'),
  unlock: (cpu, k) => rawSpinUnlock(cpu, k, 'patch_lock'),
};
const mutex: Lock = {
  lock: (cpu, k) => mutexLock(cpu, k, 'text_mutex'),
  unlock: (cpu, k) => mutexUnlock(cpu, k, 'text_mutex'),
};
const writing: Lock = {
  lock: (cpu, k) => downWrite(cpu, k, 'init_mm.mmap_lock'),
  unlock: (cpu, k) => upWrite(cpu, k, 'init_mm.mmap_lock'),
};
const reading: Lock = {
  lock: (cpu, k) => downRead(cpu, k, 'init_mm.mmap_lock'),
  unlock: (cpu, k) => upRead(cpu, k, 'init_mm.mmap_lock'),
};

const ROUNDS = 12;
const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

/** Every CPU `ROUNDS` times adds one to a word, by a load and a store. What the word holds in the end. */
function increments(machine: Interleaved, { lock, unlock }: Lock, seed: number): bigint {
  const programs = machine.cpus.map(function* (cpu, id) {
    const k = machine.kernels[id]!;
    const word = k.symbols.variables.cpus_finished;
    for (let i = 0; i < ROUNDS; i++) {
      yield* lock(cpu, k);
      const before = yield* load(cpu, word);
      yield* store(cpu, word, before + 1n);
      yield* unlock(cpu, k);
    }
  });
  interleave(programs, seed);
  return read(machine.machine.memory, variablePa(machine.kernels[0]!, 'cpus_finished'));
}

const EXCLUSIVE: readonly (readonly [string, Lock, Partial<KernelConfig>])[] = [
  ['a spinlock', spinlock, {}],
  ['a spinlock under PREEMPT_RT', spinlock, { preemptRt: true }],
  ['a raw spinlock', rawSpinlock, {}],
  ['a mutex', mutex, {}],
  ['an rwsem for writing', writing, {}],
];

describe('who holds it is alone', () => {
  test.each(EXCLUSIVE)('%s', (_, lock, config) => {
    for (const seed of SEEDS) {
      const machine = bootSmall(3, config, seed);
      expect(increments(machine, lock, seed)).toBe(BigInt(3 * ROUNDS));
      expect(machine.violations).toEqual([]);
    }
  });

  test('and not without a lock: the schedules do find the gap', () => {
    const none: Lock = { *lock() {}, *unlock() {} };
    const lost = SEEDS.filter((seed) => increments(bootSmall(3, {}, seed), none, seed) < BigInt(3 * ROUNDS));
    expect(lost.length).toBeGreaterThan(SEEDS.length / 2);
  });

  test('while other locks are other words', () => {
    const { kernels } = bootSmall(1);
    const { variables } = kernels[0]!.symbols;
    expect(new Set(LOCK_NAMES.map((name) => variables[name])).size).toBe(LOCK_NAMES.length);
    for (const name of LOCK_NAMES)
      expect(variables[name] + 8).toBeLessThanOrEqual(percpuVariable(kernels[0]!, 0, 'online'));
  });
});

describe('an rwsem', () => {
  test('has many readers or one writer', () => {
    let mostReaders = 0;
    for (const seed of SEEDS) {
      const { cpus, kernels, violations } = bootSmall(4, {}, seed);
      const inside = { readers: 0, writers: 0 };
      const programs = cpus.map(function* (cpu, id) {
        const k = kernels[id]!;
        const [{ lock, unlock }, kind] = id < 2 ? ([reading, 'readers'] as const) : ([writing, 'writers'] as const);
        for (let i = 0; i < ROUNDS; i++) {
          yield* lock(cpu, k);
          inside[kind]++;
          yield* load(cpu, k.symbols.variables.cpus_finished);
          expect(inside.writers).toBeLessThanOrEqual(inside.readers > 0 ? 0 : 1);
          mostReaders = Math.max(mostReaders, inside.readers);
          inside[kind]--;
          yield* unlock(cpu, k);
        }
      });
      interleave(programs, seed);
      expect(violations).toEqual([]);
      expect(read(cpus[0]!.memory, variablePa(kernels[0]!, 'init_mm.mmap_lock'))).toBe(0n);
    }
    expect(mostReaders).toBe(2);
  });

  test('lets no reader in before a writer that waits', () => {
    const { cpus, kernels } = bootSmall(3);
    const start = (id: number, { lock }: Lock): Op => lock(cpus[id]!, kernels[id]!);
    runToEnd(start(0, reading));
    const writer = start(1, writing);
    expect(waitOf(writer)).toBe('lock init_mm.mmap_lock, held by a reader');
    const reader = start(2, reading);
    expect(waitOf(reader)).toBe('lock init_mm.mmap_lock, held by a reader');
    runToEnd(reading.unlock(cpus[0]!, kernels[0]!));
    expect(waitOf(reader)).toBe('lock init_mm.mmap_lock, held by nobody yet: a writer is next');
    runToEnd(writer);
    expect(waitOf(reader)).toBe('lock init_mm.mmap_lock, held by CPU 1');
    runToEnd(writing.unlock(cpus[1]!, kernels[1]!));
    runToEnd(reader);
  });

  test('goes from writer to writer past a reader that came later', () => {
    const { cpus, kernels } = bootSmall(3);
    runToEnd(writing.lock(cpus[0]!, kernels[0]!));
    const writer = writing.lock(cpus[1]!, kernels[1]!);
    expect(waitOf(writer)).toBe('lock init_mm.mmap_lock, held by CPU 0');
    runToEnd(writing.unlock(cpus[0]!, kernels[0]!));
    expect(waitOf(reading.lock(cpus[2]!, kernels[2]!))).toBe(
      'lock init_mm.mmap_lock, held by nobody yet: a writer is next',
    );
    runToEnd(writer);
  });
});

/** What the operation waits for, once it does. */
function waitOf(op: Op): string {
  for (;;) {
    const { done, value } = op.next();
    if (done) throw new Error('it does not wait');
    if (value.kind === 'wait') return value.reason;
  }
}

describe('who waits', () => {
  test.each([spinlock, rawSpinlock, mutex, writing])('says for which lock, and who holds it', (lock) => {
    const { cpus, kernels } = bootSmall(2);
    runToEnd(lock.lock(cpus[1]!, kernels[1]!));
    expect(waitOf(lock.lock(cpus[0]!, kernels[0]!))).toMatch(/^lock \S+, held by CPU 1$/);
  });
});

describe('an unlock', () => {
  test.each([spinlock, rawSpinlock, mutex, writing, reading])(
    'comes after the stores before it: table entries too',
    (lock) => {
      const { cpus, kernels } = bootSmall(2);
      const [k, entry] = [kernels[0]!, FIXMAP + kernels[0]!.symbols.reservedPgDir + 40];
      const quiet = { ...cpus[0]!, choose: () => 0 };
      const INVALID_BUT_NEW = 2n;
      runToEnd(lock.lock(quiet, k));
      runToEnd(store(quiet, entry, INVALID_BUT_NEW));
      expect(runToEnd(load(cpus[1]!, entry))).toBe(0n); // still in the store buffer
      runToEnd(lock.unlock(quiet, k));
      expect(runToEnd(load(cpus[1]!, entry))).toBe(INVALID_BUT_NEW);
    },
  );
});

describe('preemption', () => {
  const CASES = [
    ['a spinlock', spinlock, {}, true],
    ['a spinlock under PREEMPT_RT', spinlock, { preemptRt: true }, false],
    ['a raw spinlock', rawSpinlock, {}, true],
    ['a raw spinlock under PREEMPT_RT', rawSpinlock, { preemptRt: true }, true],
    ['a mutex', mutex, {}, false],
    ['an rwsem', reading, {}, false],
  ] as const;

  test.each(CASES)('under %s: disabled as long as it is held, or not at all', (_, lock, config, disabled) => {
    const { cpus, kernels } = bootSmall(1, config);
    const k = kernels[0]!;
    runToEnd(lock.lock(cpus[0]!, k));
    expect(k.percpu.preemptDisabledBy.length).toBe(disabled ? 1 : 0);
    runToEnd(lock.unlock(cpus[0]!, k));
    expect(k.percpu.preemptDisabledBy).toEqual([]);
  });

  test.each(CASES)('under %s: the stopper thread waits for it, and is not forgotten', (_, lock, config, disabled) => {
    const { cpus, kernels } = bootSmall(1, config);
    const [cpu, k] = [cpus[0]!, kernels[0]!];
    runToEnd(lock.lock(cpu, k));
    runToEnd(store(cpu, percpuVariable(k, 0, 'stopWork'), 1n));
    expect(runToEnd(takeStopWork(cpu, k))).toBe(!disabled);
    expect(interruptDue(cpu)).toBe(false);
    runToEnd(lock.unlock(cpu, k));
    expect(interruptDue(cpu)).toBe(disabled);
    if (disabled) expect(runToEnd(takeStopWork(cpu, k))).toBe(true);
  });

  test('is enabled by the last of several, whatever their order', () => {
    const { cpus, kernels } = bootSmall(1);
    const [cpu, k] = [cpus[0]!, kernels[0]!];
    runToEnd(spinlock.lock(cpu, k));
    runToEnd(rawSpinlock.lock(cpu, k));
    expect(runToEnd(takeStopWork(cpu, k))).toBe(false);
    runToEnd(spinlock.unlock(cpu, k));
    expect(k.percpu.preemptDisabledBy).toEqual(['raw_spin_lock(&patch_lock)']);
    expect(interruptDue(cpu)).toBe(false);
    runToEnd(rawSpinlock.unlock(cpu, k));
    expect(interruptDue(cpu)).toBe(true);
  });
});

describe('stop_machine()', () => {
  test('by several CPUs at once, and over CPUs that hold spinlocks: one after the other', () => {
    for (const seed of SEEDS) {
      const { cpus, kernels, violations } = bootSmall(3, {}, seed);
      let stops = 0;
      const stopped = function* (cpu: Cpu, k: Kernel): Op {
        expect(k.percpu.preemptDisabledBy).toEqual([]);
        stops++;
        yield* loadAdd(cpu, k.symbols.variables.cpus_finished, 1n);
      };
      const programs = cpus.map(function* (cpu, id) {
        const k = kernels[id]!;
        yield* spinlock.lock(cpu, k);
        yield* load(cpu, k.symbols.variables.cpus_finished);
        yield* spinlock.unlock(cpu, k);
        if (id < 2) yield* stopMachine(cpu, k, stopped);
      });
      const stopper = function* (id: number): Op {
        if (yield* takeStopWork(cpus[id]!, kernels[id]!)) yield* multiCpuStop(cpus[id]!, kernels[id]!, stopped);
      };
      interleaveWithInterrupts(cpus, programs, stopper, seed);
      expect(stops).toBe(2 * cpus.length);
      expect(violations).toEqual([]);
    }
  });
});

const MOST_STEPS = 100_000;

/** All programs to their ends; a CPU that has an interrupt due runs `handler` above whatever it runs. */
function interleaveWithInterrupts(
  cpus: readonly Cpu[],
  programs: readonly Op[],
  handler: (cpu: number) => Op,
  seed: number,
): void {
  const choose = seededChooser(seed);
  const stacks = programs.map((program) => [program]);
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const ready = cpus.filter((cpu, id) => stacks[id]!.length > 0 || interruptDue(cpu));
    if (ready.length === 0) return;
    const cpu = ready[choose(ready.length, 'program')]!;
    const stack = stacks[cpu.id]!;
    if (interruptDue(cpu)) {
      acknowledge(cpu);
      stack.push(handler(cpu.id));
    }
    if (stack.at(-1)!.next().done) stack.pop();
  }
  throw new Error('the programs do not come to an end');
}
