import { DANGERS } from '../../../src/explore/coverage/discovery.ts';
import { version } from '../version.ts';
import { coverageDocument } from './coverage-text.ts';
import { type ExploreOutcome, hungViolations, requestSettings, verdictOf, worthText } from './explore-report.ts';
import type { ExploreRequest } from './explore-request.ts';

/** The `--json` document of a search. */
export function exploreDocument(
  request: ExploreRequest,
  { result, shown, coverable }: ExploreOutcome,
): Record<string, unknown> {
  const { schedules, points, givenUp, cut, found, dangers, discovery } = result;
  return {
    command: 'explore',
    version: version(),
    config: requestSettings(request),
    verdict: verdictOf(request, result),
    reason: result.ended,
    violations: [
      ...shown.flatMap(({ violations, index, token, shrunk, explanation }) =>
        violations.map((violation) => ({
          ...violation,
          schedule: index,
          token,
          ...(shrunk && { shrunk }),
          ...(explanation && { cures: explanation.cures, sentences: explanation.sentences, tried: explanation.tried }),
        })),
      ),
      ...hungViolations(result).map((violation) => ({ ...violation, schedule: result.hung })),
    ],
    counts: { schedules, points, givenUp, cut, violated: found.length },
    dangers: Object.fromEntries(DANGERS.map(({ name }, i) => [name, dangers[i]!])),
    discovery: { curve: discovery.curve(schedules), lastTenth: discovery.lastTenth(schedules) },
    ...(coverable === undefined ? {} : { coverage: coverageDocument(result.coverage, coverable) }),
    ...(verdictOf(request, result) === 'violated' ? {} : { worth: worthText(request, result) }),
    durationMs: Math.round(result.elapsedMs),
  };
}
