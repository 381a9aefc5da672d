import type { Violation } from '../../../src/check/violation.ts';
import type { Round, SoakTotals } from '../../thread/soak.ts';
import { version } from '../version.ts';
import type { MemoryUse } from './soak-progress.ts';
import { unseenDangers, verdictOf } from './soak-report.ts';
import { boardText, planDocument, type SoakRequest } from './soak-request.ts';

export interface FoundViolation {
  readonly round: Round;
  readonly violations: readonly Violation[];
  readonly again: string;
}

/** The `--json` document. */
export function soakDocument(
  request: SoakRequest,
  totals: SoakTotals,
  found: readonly FoundViolation[],
  memory: MemoryUse,
  durationMs: number,
): Record<string, unknown> {
  return {
    command: 'soak',
    version: version(),
    config: planDocument(request),
    verdict: verdictOf(totals),
    reason: totals.ended,
    rounds: {
      first: request.firstRound,
      next: totals.nextRound,
      good: totals.good,
      violated: totals.violated,
      inconclusive: totals.inconclusive,
      cutShort: totals.cutShort,
    },
    violations: found.flatMap(({ round, violations, again }) =>
      violations.map((violation) => ({
        ...violation,
        round: round.round,
        scenario: round.scenario.name,
        board: boardText(round.board),
        seed: round.seed,
        kernel: round.kernel,
        again,
      })),
    ),
    counts: totals.counts,
    dangers: totals.dangers,
    unseen: unseenDangers(totals),
    boards: totals.boards.size,
    configurations: totals.configurations.size,
    memoryBytes: memory,
    durationMs: Math.round(durationMs),
  };
}
