import { branch, NOP } from '../../arch/instruction.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { fetchBranch } from '../../hardware/instruction/branch.ts';
import { compareAndSwap, load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { imageVa } from '../address-space.ts';
import type { Kernel } from '../kernel.ts';
import { downRead, mutexLock, mutexUnlock, upRead } from '../locking/locks.ts';
import { aarch64InsnPatchTextNosync } from './patching.ts';
import { STATIC_KEYS, type StaticKey } from './static-keys.ts';

/**
 * Branches that are seldom taken, and cost a NOP where they are not: to turn a key on is to patch the text. Linux:
 * include/linux/jump_label.h, kernel/jump_label.c; arch/arm64/kernel/jump_label.c.
 *
 * The word of a key says how many want it on, or that somebody is turning it on just now. Each key here has one branch.
 */

/** Linux: static_branch_unlikely(). What is executed, not what the key's word says: CPUs may take a while to see a new branch. */
export function* staticBranchUnlikely(cpu: Cpu, k: Kernel, key: StaticKey): Op<boolean> {
  return yield* fetchBranch(cpu, branchVa(k, key));
}

/** Where the key's branch is. */
export function branchVa({ space }: Kernel, key: StaticKey): number {
  return imageVa(space, space.text + 8 * STATIC_KEYS.indexOf(key));
}

const MINUS_ONE = BigInt.asUintN(64, -1n);
/** Of a key's word: somebody patches. Whoever else wants it on must wait for that, and so takes the mutex. */
const BEING_ENABLED = MINUS_ONE;

/** Linux: static_branch_inc(). One more wants the branch taken; it is patched when this returns. May sleep. */
export function* staticBranchInc(cpu: Cpu, k: Kernel, key: StaticKey): Op {
  yield* downRead(cpu, k, 'cpu_hotplug_lock');
  if (!(yield* fastInc(cpu, k, key))) {
    yield* mutexLock(cpu, k, 'jump_label_mutex');
    if (!(yield* turnedOn(cpu, k, key))) yield* fastInc(cpu, k, key);
    yield* mutexUnlock(cpu, k, 'jump_label_mutex');
  }
  yield* upRead(cpu, k, 'cpu_hotplug_lock');
}

/** Linux: static_key_fast_inc_not_disabled(): false where nobody has it on yet. */
function* fastInc(cpu: Cpu, k: Kernel, key: StaticKey): Op<boolean> {
  const word = k.symbols.variables[key];
  for (let enabled = yield* load(cpu, word); enabled !== 0n && enabled !== BEING_ENABLED; ) {
    const before = yield* compareAndSwap(cpu, word, enabled, enabled + 1n);
    if (before === enabled) return true;
    enabled = before;
  }
  return false;
}

/** Under jump_label_mutex: patches where the key was off; only then does its word say that it is on. */
function* turnedOn(cpu: Cpu, k: Kernel, key: StaticKey): Op<boolean> {
  const word = k.symbols.variables[key];
  if ((yield* load(cpu, word)) !== 0n) return false;
  yield* store(cpu, word, BEING_ENABLED);
  yield* jumpLabelUpdate(cpu, k, key, true);
  yield* store(cpu, word, 1n); // atomic_set_release(): pairs with the load in fastInc
  return true;
}

/** Linux: static_branch_dec(). Patches when nobody wants the branch any more. May sleep. */
export function* staticBranchDec(cpu: Cpu, k: Kernel, key: StaticKey): Op {
  yield* downRead(cpu, k, 'cpu_hotplug_lock');
  if (!(yield* decNotOne(cpu, k, key))) {
    yield* mutexLock(cpu, k, 'jump_label_mutex');
    const before = yield* loadAdd(cpu, k.symbols.variables[key], MINUS_ONE); // another may have come meanwhile
    if (before === 1n) yield* jumpLabelUpdate(cpu, k, key, false);
    yield* mutexUnlock(cpu, k, 'jump_label_mutex');
  }
  yield* upRead(cpu, k, 'cpu_hotplug_lock');
}

/** Linux: static_key_dec_not_one(): false where it is the last. */
function* decNotOne(cpu: Cpu, k: Kernel, key: StaticKey): Op<boolean> {
  const word = k.symbols.variables[key];
  for (let enabled = yield* load(cpu, word); enabled !== 1n; ) {
    const before = yield* compareAndSwap(cpu, word, enabled, enabled - 1n);
    if (before === enabled) return true;
    enabled = before;
  }
  return false;
}

/** Linux: static_branch_enable(): on, however often it is said. */
export function* staticBranchEnable(cpu: Cpu, k: Kernel, key: StaticKey): Op {
  yield* downRead(cpu, k, 'cpu_hotplug_lock');
  yield* mutexLock(cpu, k, 'jump_label_mutex');
  yield* turnedOn(cpu, k, key);
  yield* mutexUnlock(cpu, k, 'jump_label_mutex');
  yield* upRead(cpu, k, 'cpu_hotplug_lock');
}

/** Linux: static_branch_disable(): off, whoever else has turned it on. */
export function* staticBranchDisable(cpu: Cpu, k: Kernel, key: StaticKey): Op {
  yield* downRead(cpu, k, 'cpu_hotplug_lock');
  yield* mutexLock(cpu, k, 'jump_label_mutex');
  if ((yield* compareAndSwap(cpu, k.symbols.variables[key], 1n, 0n)) === 1n) yield* jumpLabelUpdate(cpu, k, key, false);
  yield* mutexUnlock(cpu, k, 'jump_label_mutex');
  yield* upRead(cpu, k, 'cpu_hotplug_lock');
}

/** How far away the code is that the branch leads to, in instructions: nobody here goes there. */
const AWAY = 16;

/** Linux: jump_label_update(), arch_jump_label_transform_queue(). */
function* jumpLabelUpdate(cpu: Cpu, k: Kernel, key: StaticKey, on: boolean): Op {
  yield* aarch64InsnPatchTextNosync(cpu, k, branchVa(k, key), on ? branch(AWAY) : NOP);
  yield* k.text.patching.transformApply(cpu, k);
}
