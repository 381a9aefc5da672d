import { readBoard } from '../../../actors/cli/board/board-file.ts';
import type { Board } from '../../../src/hardware/board/board.ts';

/** What stands in board files of tests, and what comes of reading them. */

export const read = async (text: string): Promise<Board> => {
  const result = await readBoard(text, 'b.yaml');
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.board;
};
export const problemsOf = async (text: string): Promise<readonly string[]> => {
  const result = await readBoard(text, 'b.yaml');
  return result.ok ? [] : result.problems;
};

/** Two lines, so that whatever follows begins on line 3. */
export const start = 'name: b\nmemory: [{ base: 0x40000000, size: 4GiB }]\n';
export const cpu = 'cpus: [cortex-a520]\n';
