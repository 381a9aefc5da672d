import type { Cpu } from '../../hardware/cpu.ts';
import { compareAndSwap, load } from '../../hardware/instruction/load-store.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { LOCK_CLASSES, LOCK_NAMES, type LockName, type LocksOf } from './lock-class.ts';
import { mightSleep, preemptDisable, preemptEnable } from './preempt.ts';

/**
 * Locks. Linux: include/linux/spinlock.h, kernel/locking/mutex.c, rwsem.c, spinlock_rt.c.
 *
 * Each is one word of the kernel's memory and changes hands by compare-and-swap, which lets this CPU's own buffered stores
 * go first. At an unlock that is its release; at a lock it is more order than an acquire gives.
 *
 * `va`: the lock word, where several locks are of one class; else it is the kernel's own of that name.
 */

/** Linux: spin_lock(). Under PREEMPT_RT it sleeps, and leaves preemption as it is. */
export function* spinLock(cpu: Cpu, k: Kernel, name: LocksOf<'spinlock'>, va = lockVa(k, name)): Op {
  if (k.config.preemptRt) mightSleep(cpu, k, `rt_spin_lock(&${name})`);
  else preemptDisable(k, spinLockOf(name));
  yield* lockExclusive(cpu, name, va);
}

/** Linux: spin_unlock(). */
export function* spinUnlock(cpu: Cpu, k: Kernel, name: LocksOf<'spinlock'>, va = lockVa(k, name)): Op {
  yield* unlockExclusive(cpu, name, va);
  if (!k.config.preemptRt) preemptEnable(cpu, k, spinLockOf(name));
}

const spinLockOf = (name: LockName): string => `spin_lock(&${name})`;

/** Linux: raw_spin_lock(): spins, under PREEMPT_RT too. */
export function* rawSpinLock(cpu: Cpu, k: Kernel, name: LocksOf<'raw_spinlock'>, va = lockVa(k, name)): Op {
  preemptDisable(k, rawSpinLockOf(name));
  yield* lockExclusive(cpu, name, va);
}

/** Linux: raw_spin_unlock(). */
export function* rawSpinUnlock(cpu: Cpu, k: Kernel, name: LocksOf<'raw_spinlock'>, va = lockVa(k, name)): Op {
  yield* unlockExclusive(cpu, name, va);
  preemptEnable(cpu, k, rawSpinLockOf(name));
}

const rawSpinLockOf = (name: LockName): string => `raw_spin_lock(&${name})`;

/** Linux: mutex_lock(). */
export function* mutexLock(cpu: Cpu, k: Kernel, name: LocksOf<'mutex'>, va = lockVa(k, name)): Op {
  mightSleep(cpu, k, `mutex_lock(&${name})`);
  yield* lockExclusive(cpu, name, va);
}

/** Linux: mutex_unlock(). */
export function* mutexUnlock(cpu: Cpu, k: Kernel, name: LocksOf<'mutex'>, va = lockVa(k, name)): Op {
  yield* unlockExclusive(cpu, name, va);
}

/** Linux: down_read(): together with other readers, and behind a writer that waits already. */
export function* downRead(cpu: Cpu, k: Kernel, name: LocksOf<'rwsem'>, va = lockVa(k, name)): Op {
  mightSleep(cpu, k, `down_read(&${name})`);
  lockAcquire(cpu, name, va, true);
  yield* replace(cpu, name, va, 0n, (word) => ((word & (WRITER | WRITER_WAITS)) === 0n ? word + READER : undefined));
}

/** Linux: up_read(). */
export function* upRead(cpu: Cpu, k: Kernel, name: LocksOf<'rwsem'>, va = lockVa(k, name)): Op {
  lockRelease(cpu, name, va, true);
  yield* replace(cpu, name, va, READER, (word) => (readers(word) > 0 ? word - READER : word));
}

/** Linux: down_write(). */
export function* downWrite(cpu: Cpu, k: Kernel, name: LocksOf<'rwsem'>, va = lockVa(k, name)): Op {
  mightSleep(cpu, k, `down_write(&${name})`);
  lockAcquire(cpu, name, va, false);
  const mine = writtenBy(cpu);
  const next = (word: bigint): bigint | undefined => {
    if ((word & ~WRITER_WAITS) === 0n) return mine;
    return (word & WRITER_WAITS) === 0n ? word | WRITER_WAITS : undefined;
  };
  while ((yield* replace(cpu, name, va, 0n, next)) !== mine);
}

/** Linux: up_write(). */
export function* upWrite(cpu: Cpu, k: Kernel, name: LocksOf<'rwsem'>, va = lockVa(k, name)): Op {
  lockRelease(cpu, name, va, false);
  yield* replace(cpu, name, va, writtenBy(cpu), (word) => word & WRITER_WAITS);
}

/** The word of an rwsem: a writer has it, a writer waits for it, how many readers have it, 1 + the writer's CPU. */
const WRITER = 1n;
const WRITER_WAITS = 2n;
const READER = 1n << 8n;
const WRITER_CPU_SHIFT = 32n;
const writtenBy = (cpu: Cpu): bigint => WRITER | ((BigInt(cpu.id) + 1n) << WRITER_CPU_SHIFT);
const readers = (word: bigint): number => Number((word & 0xffff_ffffn) / READER);

/** The word of every other lock: 0, or 1 + the CPU that has it. */
function* lockExclusive(cpu: Cpu, name: LockName, va: number): Op {
  lockAcquire(cpu, name, va, false);
  const mine = BigInt(cpu.id) + 1n;
  yield* replace(cpu, name, va, 0n, (word) => (word === 0n ? mine : undefined));
}

/** Said once it is done: an interrupt that comes before that finds the lock taken, and had better not want it. */
function* unlockExclusive(cpu: Cpu, name: LockName, va: number): Op {
  yield* replace(cpu, name, va, BigInt(cpu.id) + 1n, () => 0n);
  lockRelease(cpu, name, va, false);
}

/**
 * Replaces the lock word by `next(word)`, and returns that; where it is undefined, waits until the word is another. `guess`:
 * what the word mostly is, which saves reading it.
 */
function* replace(
  cpu: Cpu,
  name: LockName,
  va: number,
  guess: bigint,
  next: (word: bigint) => bigint | undefined,
): Op<bigint> {
  let word = guess;
  for (;;) {
    const wanted = next(word);
    if (wanted === undefined) {
      yield* relaxWhile(cpu, va, word, `lock ${name}, held by ${holders(name, word)}`);
      word = yield* load(cpu, va);
      continue;
    }
    const before = yield* compareAndSwap(cpu, va, word, wanted);
    if (before === word) return wanted;
    word = before;
  }
}

/** In words, for whoever waits. */
function holders(name: LockName, word: bigint): string {
  if (LOCK_CLASSES[name] !== 'rwsem') return `CPU ${word - 1n}`;
  if ((word & WRITER) !== 0n) return `CPU ${(word >> WRITER_CPU_SHIFT) - 1n}`;
  if (readers(word) === 0) return 'nobody yet: a writer is next';
  return readers(word) === 1 ? 'a reader' : `${readers(word)} readers`;
}

function lockVa(k: Kernel, name: LockName): number {
  return k.symbols.variables[name];
}

/** Linux: lock_acquire(): said before there is a wait, so that a deadlock is foretold as well. */
function lockAcquire(cpu: Cpu, name: LockName, va: number, shared: boolean): void {
  cpu.observer.lockAcquire(cpu, { lockClass: LOCK_NAMES.indexOf(name), va, shared });
}

/** Linux: lock_release(). */
function lockRelease(cpu: Cpu, name: LockName, va: number, shared: boolean): void {
  cpu.observer.lockRelease(cpu, { lockClass: LOCK_NAMES.indexOf(name), va, shared });
}
