import type { Progress } from '../thread/board-run.ts';
import type { Style } from './style.ts';

/** Shows a run while it happens. */
export interface View {
  show(progress: Progress): void;
  end(): void;
}

/** Lines of progress: each state of the system once, with the time it was reached. */
export function watchView(_watch: boolean, style: Style, say: (line: string) => void): View {
  let last = '';
  return {
    show({ state, elapsedMs }) {
      if (state === last) return;
      last = state;
      say(style.dim(`  ${(elapsedMs / 1000).toFixed(2).padStart(7)} s  ${state}`));
    },
    end() {},
  };
}
