import type { WriteStream } from 'node:tty';

/** A few lines at the bottom of a terminal that are drawn over and over in place. */
export interface Screen {
  draw(lines: readonly string[]): void;
  /** Leaves the last picture where it is and gives the cursor back. */
  close(): void;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** However the process ends, the cursor is given back. */
export function openScreen(stream: Pick<WriteStream, 'write'>): Screen {
  let drawn = 0;
  let hidden = false;
  const showCursor = (): void => {
    if (hidden) stream.write(SHOW_CURSOR);
    hidden = false;
  };
  process.on('exit', showCursor);
  return {
    draw(lines) {
      const up = drawn > 0 ? `\x1b[${drawn}A` : '';
      const text = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('');
      stream.write(`${hidden ? '' : HIDE_CURSOR}${up}\r${text}${CLEAR_BELOW}`);
      hidden = true;
      drawn = lines.length;
    },
    close() {
      showCursor();
      process.off('exit', showCursor);
    },
  };
}
