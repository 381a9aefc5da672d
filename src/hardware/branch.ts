import { RIGHT_EL1_EXECUTE } from '../arch/permission.ts';
import { translate } from './access.ts';
import { boundary } from './boundary.ts';
import type { Cpu } from './cpu.ts';
import { die } from './exception.ts';
import type { Op } from './op.ts';

/** Executes from `va` on: the fetch must be allowed. */
export function* branchTo(cpu: Cpu, va: number): Op {
  const stop = boundary(cpu, 'fetch', va);
  if (stop !== undefined) yield stop;
  const pa = translate(cpu, va, RIGHT_EL1_EXECUTE);
  if (pa < 0) yield* die(cpu, va, -pa, RIGHT_EL1_EXECUTE);
}
