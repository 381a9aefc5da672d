import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** How words are emphasised; plain where the output is no terminal. */
export interface Style {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly paint: (format: Format, text: string) => string;
  readonly isTerminal: boolean;
  /** Columns to write in; a file has as many as a wide terminal. */
  readonly width: number;
}

export function styleFor(stream: NodeJS.WriteStream): Style {
  const isTerminal = stream.isTTY === true;
  const paint = (format: Format, text: string): string => (isTerminal ? styleText(format, text, { stream }) : text);
  return {
    good: (text) => paint(['bold', 'green'], text),
    bad: (text) => paint(['bold', 'red'], text),
    warn: (text) => paint(['bold', 'yellow'], text),
    strong: (text) => paint('bold', text),
    dim: (text) => paint('dim', text),
    paint,
    isTerminal,
    width: Math.min(Math.max(stream.columns ?? 120, 80), 200),
  };
}
