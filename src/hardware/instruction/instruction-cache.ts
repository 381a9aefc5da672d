import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import {
  beginMaintenance,
  completeMaintenance,
  type TextMaintenance,
  textIndex,
} from '../memory/instruction-memory.ts';
import type { Op } from '../op.ts';
import { note } from '../trace.ts';
import { translate } from '../translation/access.ts';
import { readRight } from '../translation/writable.ts';
import { die } from './exception.ts';

/** Maintenance that instruction fetches need where text has changed. On all CPUs here CTR_EL0.IDC and DIC are 0. */

/** DC CVAU: cleans the line of `va` to the point of unification. Complete with this CPU's next DSB ISH. */
export function* dcCvau(cpu: Cpu, va: number): Op {
  yield* maintain(cpu, va, 'clean');
}

/** IC IVAU: every CPU's instruction cache drops the line of `va`. Complete with this CPU's next DSB ISH. */
export function* icIvau(cpu: Cpu, va: number): Op {
  yield* maintain(cpu, va, 'invalidate');
}

/** Text that never changes needs none, and nothing is noted of it. */
function* maintain(cpu: Cpu, va: number, operation: TextMaintenance['operation']): Op {
  const kind = operation === 'clean' ? 'dc-cvau' : 'ic-ivau';
  const stop = boundary(cpu, kind, va);
  if (stop !== undefined) yield stop;
  const pa = translate(cpu, va, readRight(cpu));
  if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
  cpu.step = note(cpu.trace, kind, 0, va, 0n, pa);
  const index = textIndex(cpu.memory, pa);
  if (index >= 0) cpu.ownText.push(beginMaintenance(cpu.memory, operation, index));
}

/**
 * The part of a DSB for all accesses. An invalidation may have come before a clean that only the same DSB completes, which is why
 * what it leaves was settled when it began.
 */
export function completeText(cpu: Cpu): void {
  for (const done of cpu.ownText) completeMaintenance(cpu.memory, done);
  cpu.ownText.length = 0;
}
