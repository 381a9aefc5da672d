import type { WriteStream } from 'node:tty';

/** One line on a terminal that is written over and over. Elsewhere nothing. */
export interface StatusLine {
  readonly say: (line: string) => void;
  readonly clear: () => void;
}

export function statusLine(stream: WriteStream): StatusLine {
  if (stream.isTTY !== true) return { say: () => {}, clear: () => {} };
  return {
    say(line) {
      stream.write(`\r\x1b[K${line.slice(0, (stream.columns ?? 80) - 1)}`);
    },
    clear() {
      stream.write('\r\x1b[K');
    },
  };
}
