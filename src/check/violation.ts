import type { Counts } from '../hardware/counters.ts';
import type { Cpu } from '../hardware/cpu.ts';
import type { Observer } from '../hardware/observer.ts';
import type { Machine } from '../hardware/system.ts';
import type { Kernel } from '../kernel/kernel.ts';

/** The names of the standard properties; a scenario may add its own. */
export type PropertyName = string;

/** A property that did not hold: plain data, as it stands in a verdict. */
export interface Violation {
  readonly property: PropertyName;
  /** The CPU it happened on; -1: the machine as a whole. */
  readonly cpu: number;
  /** Global step of the trace. */
  readonly step: number;
  readonly message: string;
  /** What the message rests on, line by line. */
  readonly evidence: readonly string[];
  /** What would have prevented it, with the Linux function it belongs to; empty where nobody can tell. */
  readonly remedy: string;
}

/** How a property speaks up while the machine runs. */
export type Report = (cpu: Cpu, property: PropertyName, message: string, evidence: string[], remedy?: string) => void;

/** What a property may look at when it is set up for one CPU. */
export interface Watch {
  readonly kernel: Kernel;
  readonly report: Report;
}

/**
 * One property. `always`: must hold, at each event it observes and at rest. `sometimes`: proof that a run exercised a
 * danger; not having seen it in one run is no violation.
 */
export interface Property {
  readonly name: PropertyName;
  readonly says: string;
  readonly mood: 'always' | 'sometimes';
  readonly observe?: (watch: Watch) => Partial<Observer>;
  /** Looks at a machine that has come to rest. Evidence comes without a CPU or step. */
  readonly atRest?: (machine: Machine, kernel: Kernel) => Violation[];
  readonly seen?: (counts: Counts) => boolean;
}

/** A violation that belongs to no CPU and no step. */
export function atRest(property: PropertyName, message: string, evidence: string[], remedy = ''): Violation {
  return { property, cpu: -1, step: -1, message, evidence, remedy };
}
