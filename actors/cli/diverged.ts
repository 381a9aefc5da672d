/** A token that no longer fits: ends the command with one line on stderr and exit code 4. */
export function diverged(message: string): Error {
  const error = new Error(message);
  error.name = 'DivergedError';
  return error;
}

export function isDiverged(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === 'DivergedError';
}
