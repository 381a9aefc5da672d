/** What the user can mend: ends the command with one line on stderr and exit code 2, without a stack trace. */
export function usageError(message: string): Error {
  const error = new Error(message);
  error.name = 'UsageError';
  return error;
}

export function isUsageError(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === 'UsageError';
}
