import type { WriteStream } from 'node:tty';
import type { SearchProgress } from '../../campaign/search-pool.ts';
import { clockText } from '../terminal/clock.ts';
import { statusLine } from '../terminal/status-line.ts';
import type { ExploreRequest } from './explore-request.ts';

const BAR_CELLS = 24;

/** How far a search has got, on a terminal: one line, written over and over. Elsewhere nothing. */
export function exploreProgress(stream: WriteStream, { schedules, forMs }: ExploreRequest) {
  const line = statusLine(stream);
  return {
    ...line,
    show(progress: SearchProgress): void {
      line.say(progressLine(progress, { schedules, ...(forMs === undefined ? {} : { forMs }) }));
    },
  };
}

/** The bar, how many schedules, how fast, and how long still: whichever budget is spent first. */
export function progressLine(
  { schedules, elapsedMs }: SearchProgress,
  budget: { readonly schedules: number; readonly forMs?: number },
): string {
  const perMs = schedules / Math.max(1, elapsedMs);
  const leftMs = Math.min(
    perMs === 0 ? Number.POSITIVE_INFINITY : (budget.schedules - schedules) / perMs,
    (budget.forMs ?? Number.POSITIVE_INFINITY) - elapsedMs,
  );
  const done = Number.isFinite(leftMs) ? Math.min(1, elapsedMs / (elapsedMs + Math.max(0, leftMs))) : 0;
  const full = Math.round(done * BAR_CELLS);
  const left = Number.isFinite(leftMs) ? `${clockText(leftMs)} left` : 'starting';
  const rate = `${Math.round(1000 * perMs).toLocaleString('en-US')}/s`;
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}] ${schedules.toLocaleString('en-US')} schedules · ${rate} · ${left}`;
}
