import { styleText } from 'node:util';

/** How words are emphasised; plain where the output is no terminal. */
export interface Style {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly isTerminal: boolean;
  readonly width: number;
}

export function styleFor(stream: NodeJS.WriteStream): Style {
  const isTerminal = stream.isTTY === true;
  const paint =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      isTerminal ? styleText(format, text, { stream }) : text;
  return {
    good: paint(['bold', 'green']),
    bad: paint(['bold', 'red']),
    warn: paint(['bold', 'yellow']),
    strong: paint('bold'),
    dim: paint('dim'),
    isTerminal,
    width: Math.min(Math.max(stream.columns ?? 120, 80), 200),
  };
}
