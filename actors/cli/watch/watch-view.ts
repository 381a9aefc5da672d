import { countsOf } from '../../../src/hardware/system.ts';
import type { Progress } from '../../thread/board-run.ts';
import { openScreen } from '../terminal/screen.ts';
import type { Style } from '../terminal/style.ts';
import { cpuRows } from './cpu-rows.ts';
import { measureLinearMap, sharesInWords } from './linear-strip.ts';
import { rounded, watchFrame } from './watch-frame.ts';

/** Shows a run while it happens. */
export interface View {
  show(progress: Progress): void;
  /** However the run ended. */
  end(): void;
}

/** How a run is shown. `say`: prints a line; `title`: what runs. */
export interface ViewOptions {
  readonly watch: boolean;
  readonly title: string;
  readonly style: Style;
  readonly say: (line: string) => void;
}

/** On a terminal, `--watch` draws pictures in place; elsewhere it adds a line a second to those of the system's states. */
export function watchView(options: ViewOptions): View {
  if (options.watch && options.style.isTerminal) return pictures(options);
  return options.watch ? both(stateLines(options), snapshotLines(options)) : stateLines(options);
}

function both(first: View, second: View): View {
  return {
    show(progress) {
      first.show(progress);
      second.show(progress);
    },
    end() {
      first.end();
      second.end();
    },
  };
}

/** Each state of the system once, with the time it was reached. */
function stateLines({ style, say }: ViewOptions): View {
  let last = '';
  return {
    show({ state, elapsedMs }) {
      if (state === last) return;
      last = state;
      say(style.dim(`  ${clock(elapsedMs)}  ${state}`));
    },
    end() {},
  };
}

const SNAPSHOT_EVERY_MS = 1000;
/** A snapshot names at most this many groups of CPUs. */
const MOST_GROUPS = 4;
/** Looking at the linear map may take this share of the time at most. */
const MOST_OF_THE_TIME = 0.2;

/** A line a second: who is where, what was done, what maps the linear map. */
function snapshotLines({ say }: ViewOptions): View {
  const due = everySoOften(SNAPSHOT_EVERY_MS);
  return {
    show(progress) {
      due(() => {
        const { machine, kernel } = progress;
        const rows = cpuRows(progress.cpus(), machine.board.cpus, Math.min(MOST_GROUPS, machine.board.cpus.length - 1));
        const cpus = rows.map(({ name, state }) => `CPU ${name}: ${state}`).join('; ');
        const { accesses, misses, tlbis, conflictsAvoided } = countsOf(machine);
        const counts = `${rounded(accesses)} accesses, ${rounded(misses)} misses, ${rounded(tlbis)} TLBIs, ${rounded(conflictsAvoided)} conflicts avoided`;
        const map = sharesInWords(measureLinearMap(machine, kernel, 1));
        say(`  ${clock(progress.elapsedMs)}  ${cpus} | ${counts} | linear map ${map}`);
      });
    },
    end() {},
  };
}

const PICTURE_EVERY_MS = 100;

/** The whole picture, at each state of the system and about ten times a second; less often when it takes long. */
function pictures({ title, style }: ViewOptions): View {
  const screen = openScreen(process.stdout);
  const due = everySoOften(PICTURE_EVERY_MS);
  let last: Progress | undefined;
  const draw = (progress: Progress): void => {
    // A terminal of unknown size calls itself 0 by 0.
    const size = { columns: Math.max(process.stdout.columns || 80, 20), rows: Math.max(process.stdout.rows || 24, 8) };
    const strip = measureLinearMap(progress.machine, progress.kernel, size.columns - 1);
    screen.draw(watchFrame(title, progress, strip, size, style));
  };
  return {
    show(progress) {
      const isNews = progress.state !== last?.state;
      last = progress;
      due(() => draw(progress), isNews);
    },
    end() {
      if (last !== undefined) draw(last);
      screen.close();
    },
  };
}

/** Does what it is given if `everyMs` have passed since the last time, or more if it takes long; `now`: in any case. */
function everySoOften(everyMs: number): (action: () => void, now?: boolean) => void {
  let next = 0;
  return (action, now = false) => {
    const began = performance.now();
    if (began < next && !now) return;
    action();
    const ended = performance.now();
    next = Math.max(began + everyMs, ended + (ended - began) / MOST_OF_THE_TIME);
  };
}

function clock(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(2).padStart(7)} s`;
}
