import { isBranch } from '../../arch/instruction.ts';
import { RIGHT_EL1_EXECUTE } from '../../arch/permission.ts';
import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { mayBeStale, textIndex } from '../memory/instruction-memory.ts';
import { read } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { note } from '../trace.ts';
import { translate } from '../translation/access.ts';
import { die } from './exception.ts';

/** Executes from `va` on: the fetch must be allowed. */
export function* branchTo(cpu: Cpu, va: number): Op {
  yield* fetch(cpu, va);
}

/** RET to `va`, by a CPU whose registers nobody else can see: the fetch must be allowed, and is no point of its own. */
export function* returnTo(cpu: Cpu, va: number): Op {
  const pa = translate(cpu, va, RIGHT_EL1_EXECUTE);
  if (pa < 0) yield* die(cpu, va, -pa, RIGHT_EL1_EXECUTE);
}

/**
 * Executes the instruction at `va`, text that may change: true for B, which is taken, false for NOP. It is the one that memory
 * holds, or an older one that this CPU has not got rid of: see instruction-memory.ts.
 */
export function* fetchBranch(cpu: Cpu, va: number): Op<boolean> {
  const pa = yield* fetch(cpu, va);
  const index = textIndex(cpu.memory, pa);
  if (index < 0) throw new Error(`no instruction at ${va} ever changes: text that may change has a place of its own`);
  const word = read(cpu.memory, pa);
  const stale = mayBeStale(cpu.memory, cpu.id, index) && cpu.choose(2, 'fetch') === 1;
  const taken = isBranch(word) !== stale;
  cpu.step = note(cpu.trace, 'fetch', stale ? 1 : 0, va, taken ? 1n : 0n, pa);
  return taken;
}

/** The fetch of an instruction, as far as translation goes. Returns the physical address. */
function* fetch(cpu: Cpu, va: number): Op<number> {
  const stop = boundary(cpu, 'fetch', va);
  if (stop !== undefined) yield stop;
  const pa = translate(cpu, va, RIGHT_EL1_EXECUTE);
  if (pa < 0) yield* die(cpu, va, -pa, RIGHT_EL1_EXECUTE);
  return pa;
}
