import type { Decide } from '../../../src/explore/decide.ts';
import type { Acted, Interleaved, Interleaver } from '../../../src/explore/interleaver.ts';
import { Diverged, replaying } from '../../../src/explore/replay.ts';
import { traceOf } from '../../../src/hardware/system.ts';
import { parting } from '../../campaign/determinism.ts';
import { type Failure, failureLines } from '../report/report.ts';
import type { Style } from '../terminal/style.ts';
import type { Explored } from './explore-configuration.ts';

/** Records a CPU's lane is drawn from. */
const TRACE_RECORDS = 24;

/** A run that has been made again, with what is needed to show it. */
export interface Shown extends Failure {
  readonly run: Interleaved;
}

/** How it failed. Few CPUs take part in a run like this: all have a lane if they fit. */
export function shownLines(shown: Shown, style: Style): string[] {
  return failureLines(shown, style, [...shown.machine.board.cpus.keys()]);
}

/**
 * Makes a run again, twice, as `first` decides and then from its own decisions. Throws an internal error that says where
 * two of them part: `before`, if given, is how it went elsewhere.
 */
export function madeAgain(
  { reference }: Explored,
  interleaver: Interleaver,
  first: Decide,
  before?: Interleaved,
  acted?: Acted,
): Shown {
  const run = interleaver.run(first, acted);
  const { machine, kernel } = interleaver;
  const trace = traceOf(machine, TRACE_RECORDS);
  const where = (before && parting(before, run)) ?? secondParting(interleaver, run);
  if (where !== undefined)
    throw new Error(
      `the same schedule of ${reference.name} did not give the same run: ${where}${reference.module === undefined ? '' : '; does the module take chance from elsewhere than cpu.choose()?'}`,
    );
  return { run, violations: run.violations, machine, kernel, trace };
}

function secondParting(interleaver: Interleaver, run: Interleaved): string | undefined {
  try {
    return parting(run, interleaver.run(replaying(run.decisions)));
  } catch (thrown) {
    if (thrown instanceof Diverged) return thrown.message;
    throw thrown;
  }
}
