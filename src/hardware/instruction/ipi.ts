import { boundary } from '../boundary.ts';
import { IPIS } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import { raise } from '../interrupt.ts';
import type { Op } from '../op.ts';
import { note } from '../trace.ts';

/** Sends an inter-processor interrupt. */
export function* sendIpi(cpu: Cpu, target: number, bits: number): Op {
  const stop = boundary(cpu, 'ipi', target);
  if (stop !== undefined) yield stop;
  cpu.counts[IPIS]!++;
  cpu.step = note(cpu.trace, 'ipi', target, 0, BigInt(bits));
  raise(cpu, target, bits);
}
