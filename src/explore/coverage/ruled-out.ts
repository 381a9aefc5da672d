import type { Board } from '../../hardware/board/board.ts';
import type { TlbSituation } from './situations.ts';

/** Situations that no schedule should come to, and why not. */
export interface RuledOut {
  /** `architecture`: whatever programs do. `protocol`: whoever comes to it has found a bug, in the protocol or in here. */
  readonly by: 'architecture' | 'protocol';
  readonly why: string;
}

/** What of an exploration it depends on. */
export interface Ground {
  readonly board: Board;
  readonly from: 'power-on' | 'brought-up';
}

interface Rule extends RuledOut {
  readonly holds: (situation: TlbSituation, ground: Ground) => boolean;
}

const differs = ({ cached, memory }: TlbSituation): boolean => cached.length > 0 && memory !== 'same';
const levels = ({ cached }: TlbSituation): number => cached.filter((size) => size !== 'run').length;

const RULES: readonly Rule[] = [
  {
    by: 'architecture',
    why: 'what is not cached cannot differ from memory',
    holds: ({ cached, memory }) => cached.length === 0 && (memory === 'changed' || memory === 'other size'),
  },
  {
    by: 'architecture',
    why: 'memory has one level at a time, so two in a TLB are not both as there',
    holds: (situation) => levels(situation) > 1 && situation.memory === 'same',
  },
  {
    by: 'architecture',
    why: 'a TLBI that has reached the CPU leaves nothing that is older',
    holds: (situation) => differs(situation) && (situation.tlbi === 'delivered' || situation.tlbi === 'completed'),
  },
  {
    by: 'protocol',
    why: 'while the boot CPU paints and flushes, everybody else is parked, where no walk finds the linear map',
    holds: ({ bbm, phase }, { board }) =>
      (phase === 'painting' || phase === 'flushing') && bbm !== board.cpus[0]!.conflicts,
  },
  {
    by: 'protocol',
    why: 'nothing is replaced before everybody has parked',
    holds: (situation, { from }) =>
      from === 'brought-up' &&
      (differs(situation) || situation.tlbi !== 'none') &&
      ['before', 'stopping', 'parking'].includes(situation.phase),
  },
  {
    by: 'protocol',
    why: 'nothing is flushed before all is painted',
    holds: ({ tlbi, phase }) => tlbi !== 'none' && phase === 'painting',
  },
  {
    by: 'protocol',
    why: 'only CPUs that take it may hold two sizes for one address',
    holds: (situation) =>
      situation.bbm !== 'level2-noabort' &&
      situation.bbm !== 'level3' &&
      situation.cached.length > 1 &&
      differs(situation),
  },
];

/** Undefined: it may come. */
export function ruledOut(situation: TlbSituation, ground: Ground): RuledOut | undefined {
  return RULES.find(({ holds }) => holds(situation, ground));
}
