import { POINTS } from './counters.ts';
import type { Cpu } from './cpu.ts';
import { interruptDue } from './interrupt.ts';
import type { Point, PointKind } from './op.ts';
import { advance, isAdvance, sample } from './progress.ts';

/**
 * What to yield before an instruction, so that another CPU may step in: the point under a scheduler, a due interrupt on
 * threads, mostly nothing.
 */
export function boundary(cpu: Cpu, kind: PointKind, address: number): Point | undefined {
  cpu.counts[POINTS]!++;
  if (cpu.controlled) {
    const point = pointAt(cpu, kind, address);
    return cpu.goesOn() ? undefined : point;
  }
  if (isAdvance(kind)) advance(cpu.progress);
  if (--cpu.credit >= 0) return undefined;
  sample(cpu.progress, kind, address);
  cpu.breathe(cpu);
  return interruptDue(cpu) ? pointAt(cpu, 'preempt', address) : undefined;
}

/** The point this CPU yields: what it is about to do, and where. */
export function pointAt(cpu: Cpu, kind: PointKind, address: number): Point {
  cpu.point.kind = kind;
  cpu.point.address = address;
  return cpu.point;
}
