import type { Cpu } from '../../hardware/cpu.ts';
import type { LockUse } from '../../hardware/observer.ts';
import { LOCK_CLASSES, LOCK_NAMES } from '../../kernel/locking/lock-class.ts';
import { locked, notebookOf } from '../notebook.ts';
import { atRest, type Property } from '../violation.ts';
import {
  chain,
  edge,
  type HeldLock,
  heldBy,
  type LockEdge,
  lockNotesOf,
  MOST_HELD,
  noteEdge,
  noteHeld,
  noteReleased,
  placeOf,
} from './lock-notes.ts';

/**
 * What two CPUs have done one after the other, they may do at the same time: an order of locks that allows a deadlock is
 * reported whether or not this run has one. Linux: kernel/locking/lockdep.c.
 *
 * Reading counts as writing does: an rwsem's readers queue behind a writer that waits. Locks are held by a CPU, not by a
 * task; what runs on top of a task is in atomic context, and may take raw locks only.
 */
export const lockOrder: Property = {
  name: 'lock-order',
  says: 'the locks are taken in one order everywhere, given back by who took them, and nobody ends holding one',
  mood: 'always',
  observe: ({ report }) => ({
    lockAcquire(cpu, lock) {
      const notes = lockNotesOf(cpu);
      const held = heldBy(notes, cpu.id);
      const found = recursion(cpu, held, lock) ?? inversion(cpu, held, lock);
      if (found !== undefined) report(cpu, 'lock-order', found.message, found.evidence, found.remedy);
      if (!noteHeld(notes, cpu.id, lock))
        report(cpu, 'lock-order', `MAX_LOCK_DEPTH too low: CPU ${cpu.id} takes lock ${MOST_HELD + 1}`, holding(held));
    },
    lockRelease(cpu, lock) {
      const notes = lockNotesOf(cpu);
      if (noteReleased(notes, cpu.id, lock)) return;
      const held = heldBy(notes, cpu.id);
      report(
        cpu,
        'lock-order',
        `bad unlock balance detected: CPU ${cpu.id} gives back ${name(lock.lockClass)}, which it does not hold`,
        holding(held),
        `one ${give(lock)} for each ${take(lock)}, on the CPU that took it`,
      );
    },
  }),
  atRest: (machine) => {
    const notes = lockNotesOf(machine);
    return machine.board.cpus.flatMap((_, cpu) => {
      const held = heldBy(notes, cpu);
      const last = held.at(-1);
      if (last === undefined) return [];
      const which = held.map(({ lockClass }) => name(lockClass)).join(', ');
      const message = `CPU ${cpu} has come to its end with ${held.length === 1 ? 'a lock' : `${held.length} locks`} still held: ${which}`;
      return [atRest('lock-order', message, holding(held), `${give(last)} on every way out`)];
    });
  },
};

interface Finding {
  readonly message: string;
  readonly evidence: string[];
  readonly remedy: string;
}

/** The CPU holds a lock of the class already. */
function recursion(cpu: Cpu, held: readonly HeldLock[], lock: LockUse): Finding | undefined {
  const outer = held.find(({ lockClass }) => lockClass === lock.lockClass);
  if (outer === undefined) return undefined;
  const same = outer.place === placeOf(lock.va) ? 'the same lock' : 'another lock of the same class';
  return {
    message: `possible recursive locking detected: CPU ${cpu.id} takes ${name(lock.lockClass)} while it holds ${same}`,
    evidence: [...holding(held), `and now ${take(lock)}`],
    remedy: `${give({ ...lock, shared: outer.shared })} before it is taken again`,
  };
}

/** The lock closes a cycle with one that the CPU holds. New orders are noted, so each cycle is found once. */
function inversion(cpu: Cpu, held: readonly HeldLock[], lock: LockUse): Finding | undefined {
  const notes = lockNotesOf(cpu);
  const inner = lock.lockClass;
  const unseen = held.filter(({ lockClass: outer }) => outer !== inner && edge(notes, outer, inner) === undefined);
  if (unseen.length === 0) return undefined;
  return locked(notebookOf(cpu), cpu.relax, () => {
    let found: Finding | undefined;
    for (const { lockClass: outer } of unseen) {
      const now: LockEdge = { outer, inner, cpu: cpu.id, step: cpu.step };
      const back = chain(notes, inner, outer);
      if (back !== undefined) found ??= cycle(now, back);
      noteEdge(notes, now);
    }
    return found;
  });
}

function cycle(now: LockEdge, back: readonly LockEdge[]): Finding {
  const [outer, inner] = [name(now.outer), name(now.inner)];
  const [first, ...rest] = back;
  const through = rest.map(({ outer: between }) => name(between));
  const before = `${outer} has been taken under ${inner}${through.length > 0 ? `, by way of ${through.join(', ')}` : ''}`;
  return {
    message: `possible circular locking dependency detected: CPU ${now.cpu} takes ${inner} while it holds ${outer}, and ${before}`,
    evidence: [
      described(now),
      ...back.map(described),
      `deadlock when CPU ${now.cpu} waits for ${inner} and CPU ${first!.cpu}, which holds it, for ${name(first!.inner)}`,
    ],
    remedy: `the same order everywhere: ${[inner, ...through, outer].join(' before ')}, or ${outer} given back first`,
  };
}

function described({ outer, inner, cpu, step }: LockEdge): string {
  return `CPU ${cpu}, after step ${step}: ${name(outer)} -> ${name(inner)}`;
}

function holding(held: readonly HeldLock[]): string[] {
  if (held.length === 0) return ['it holds no lock'];
  return [`it holds, in this order: ${held.map(take).join(', ')}`];
}

const name = (lockClass: number): string => LOCK_NAMES[lockClass]!;

/** How a lock is taken, and how it is given back, as the kernel's source has it. */
type Use = Pick<LockUse, 'lockClass' | 'shared'>;
const take = (lock: Use): string => call(lock, 'down', ['mutex_lock', 'spin_lock', 'raw_spin_lock']);
const give = (lock: Use): string => call(lock, 'up', ['mutex_unlock', 'spin_unlock', 'raw_spin_unlock']);

function call({ lockClass, shared }: Use, rwsem: string, [mutex, spin, raw]: [string, string, string]): string {
  const functions = {
    mutex,
    spinlock: spin,
    raw_spinlock: raw,
    rwsem: `${rwsem}_${shared ? 'read' : 'write'}`,
  };
  return `${functions[LOCK_CLASSES[LOCK_NAMES[lockClass]!]]}(&${name(lockClass)})`;
}
