import { standardProperties } from '../../../src/check/standard.ts';
import type { RunOutcome } from '../../thread/board-run.ts';
import { type Configuration, resolved } from '../configuration/configuration.ts';
import { version } from '../version.ts';

/** The `--json` document of one run on threads. */
export function runDocument(configuration: Configuration, outcome: RunOutcome): Record<string, unknown> {
  return {
    command: 'run',
    version: version(),
    config: resolved(configuration),
    verdict: outcome.verdict,
    reason: outcome.reason,
    violations: outcome.violations,
    counts: {
      ...outcome.counts,
      tablePagesPainted: outcome.tablePages.painted,
      tablePagesAtEnd: outcome.tablePages.atEnd,
    },
    dangers: dangersSeen(outcome),
    phasesMs: outcome.phases,
    tableBytes: tableBytes(outcome),
    cpus: outcome.cpus.map(({ cpu, state, status }) => ({ cpu, status, state })),
    durationMs: Math.round(outcome.durationMs),
  };
}

/** Which `sometimes` properties this run has shown. */
export function dangersSeen(outcome: RunOutcome): Record<string, boolean> {
  return Object.fromEntries(
    standardProperties.flatMap((property) =>
      property.seen === undefined ? [] : [[property.name, property.seen(outcome.counts)]],
    ),
  );
}

export function tableBytes(outcome: RunOutcome): { painted: number; atEnd: number } {
  const { pageBytes } = outcome.machine.memory;
  return { painted: outcome.tablePages.painted * pageBytes, atEnd: outcome.tablePages.atEnd * pageBytes };
}
