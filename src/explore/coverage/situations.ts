import { type BbmClass, bbmClasses } from '../../hardware/board/board.ts';
import type { Mark } from '../../kernel/marks.ts';

/**
 * Where a TLB can stand when its CPU uses or caches a translation of the linear map. A situation is five answers, and
 * travels as a number below `SITUATIONS`.
 */
export interface TlbSituation {
  /** What several matching entries mean to the CPU. */
  readonly bbm: BbmClass;
  /** The sizes of its entries for the address. */
  readonly cached: readonly CachedSize[];
  readonly memory: InMemory;
  readonly tlbi: TlbiPhase;
  readonly phase: ProtocolPhase;
}

/** `run`: a contiguous run as one entry, of any level. `large block`: of level 1. */
export const CACHED_SIZES = ['page', 'run', 'block', 'large block'] as const;
export type CachedSize = (typeof CACHED_SIZES)[number];

/**
 * What walkers find for the address now, beside what is cached: `same`: that, or nothing is cached and something is there;
 * `other size`: the same translation in another size for at least one entry; `changed`: another output address, or other
 * attributes; `invalid`: nothing.
 */
export const IN_MEMORY = ['same', 'other size', 'changed', 'invalid'] as const;
export type InMemory = (typeof IN_MEMORY)[number];

/**
 * How far a broadcast TLBI of the address has come for this CPU, of those issued since a live entry last changed. Delivered:
 * the CPU has applied it, and its DSB has not completed.
 */
export const TLBI_PHASES = ['none', 'issued', 'delivered', 'completed'] as const;
export type TlbiPhase = (typeof TLBI_PHASES)[number];

/** How far the kernel has come as a whole, by the milestones of any CPU. */
export const PROTOCOL_PHASES = [
  'before',
  'stopping',
  'parking',
  'painting',
  'flushing',
  'released',
  'running',
  'splitting',
] as const;
export type ProtocolPhase = (typeof PROTOCOL_PHASES)[number];

/** Which milestones begin a phase, whoever marks them. */
export const PHASE_BEGINS: Readonly<Partial<Record<Mark, ProtocolPhase>>> = {
  'repaint.started': 'stopping',
  'repaint.parking': 'parking',
  'repaint.everybodyParked': 'painting',
  'repaint.painted': 'flushing',
  'repaint.flushed': 'released',
  'repaint.released': 'released',
  'repaint.finished': 'running',
  'repaint.notNeeded': 'running',
  'split.started': 'splitting',
  'split.finished': 'running',
};

const SETS = 2 ** CACHED_SIZES.length;
const INNER = IN_MEMORY.length * TLBI_PHASES.length * PROTOCOL_PHASES.length;
export const SITUATIONS = bbmClasses.length * SETS * INNER;

/** All five by their place in their lists, but for the sizes: bit n is set where CACHED_SIZES[n] is cached. */
export function situationNumber(bbm: number, cached: number, memory: number, tlbi: number, phase: number): number {
  const inner = (memory * TLBI_PHASES.length + tlbi) * PROTOCOL_PHASES.length + phase;
  return (bbm * SETS + cached) * INNER + inner;
}

export function numberOfSituation({ bbm, cached, memory, tlbi, phase }: TlbSituation): number {
  return situationNumber(
    bbmClasses.indexOf(bbm),
    cached.reduce((bits, size) => bits | (1 << CACHED_SIZES.indexOf(size)), 0),
    IN_MEMORY.indexOf(memory),
    TLBI_PHASES.indexOf(tlbi),
    PROTOCOL_PHASES.indexOf(phase),
  );
}

export function situationOfNumber(number: number): TlbSituation {
  const bits = Math.floor(number / INNER) % SETS;
  const inner = number % INNER;
  return {
    bbm: bbmClasses[Math.floor(number / (INNER * SETS))]!,
    cached: CACHED_SIZES.filter((_, bit) => (bits & (1 << bit)) !== 0),
    memory: IN_MEMORY[Math.floor(inner / (TLBI_PHASES.length * PROTOCOL_PHASES.length))]!,
    tlbi: TLBI_PHASES[Math.floor(inner / PROTOCOL_PHASES.length) % TLBI_PHASES.length]!,
    phase: PROTOCOL_PHASES[inner % PROTOCOL_PHASES.length]!,
  };
}
