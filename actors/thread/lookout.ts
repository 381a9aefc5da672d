import type { Machine } from '../../src/hardware/system.ts';
import type { Crew } from './crew.ts';
import type { Findings } from './findings.ts';
import { pause } from './pause.ts';
import type { SystemLife } from './system-life.ts';
import { glance } from './view.ts';
import { createWatchdog } from './watchdog.ts';

/** Who watches a run from outside, again and again, and decides when it is over. */
export interface Lookout {
  readonly machine: Machine;
  readonly crew: Crew;
  readonly system: SystemLife;
  readonly findings: Findings;
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
  /** Told at each look. */
  readonly onLook: (nowMs: number) => void;
}

export const FINISHED = 'everybody has finished';

/** Why the run is over; `failure`: what the one who was told of a look threw, which is no reason to leave CPUs behind. */
export interface Over {
  readonly reason: string;
  readonly failure?: { readonly thrown: unknown };
}

/** How often the main thread looks, at the least, in ms; more often on small boards, whose runs are short. */
const POLL_MS = 20;

/** Looks until the run is over. */
export async function watchOver(lookout: Lookout): Promise<Over> {
  const { machine, crew, signal } = lookout;
  const pollMs = Math.min(POLL_MS, 4 + machine.board.cpus.length);
  const look = createLook(lookout);
  for (;;) {
    await pause(pollMs, signal);
    const over = attempt(look);
    if (over === undefined) continue;
    crew.stopping = true;
    return over;
  }
}

function attempt(look: () => string | undefined): Over | undefined {
  try {
    const reason = look();
    return reason === undefined ? undefined : { reason };
  } catch (thrown) {
    return { reason: 'whoever watches has failed', failure: { thrown } };
  }
}

/** What the watchdog counts between two looks, at most, in ms. */
const LONGEST_LOOK_MS = 250;
/** After a violation the machine goes on for a moment, so that what follows from it is seen too. */
const AFTERMATH_MS = 150;

/** One look after the other; each says why the run is over, if it is. */
function createLook({ machine, crew, system, findings, stallMs, signal, onLook }: Lookout): () => string | undefined {
  const { violations } = findings;
  const watchdog = createWatchdog(machine, stallMs);
  let watchedMs = 0;
  let lastLook = performance.now();
  let firstViolationAt = Number.POSITIVE_INFINITY;
  return () => {
    const now = performance.now();
    watchedMs += Math.min(now - lastLook, LONGEST_LOOK_MS); // a process that was suspended has not stalled
    lastLook = now;
    system.readMarks();
    if (violations.length > 0) firstViolationAt = Math.min(firstViolationAt, now);
    onLook(now);
    const { everybodyDone, movement, news } = glance(machine);
    if (crew.broken !== undefined) return 'the scenario is broken';
    if (signal?.aborted) return 'interrupted';
    if (now > firstViolationAt + AFTERMATH_MS) return 'a property was violated';
    if (everybodyDone) return FINISHED;
    if (violations.length > 0) return undefined;
    const stall = watchdog(watchedMs, {
      starting: crew.prepared < machine.board.cpus.length,
      movement: `${movement} ${crew.prepared}`,
      news: `${news} ${crew.prepared} ${system.marksRead()}`,
    });
    if (stall === undefined) return undefined;
    violations.push(stall);
    return 'nothing moves any more';
  };
}
