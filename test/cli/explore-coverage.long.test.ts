import { expect, test } from 'vitest';
import { asymmu } from './command.ts';
import { coverageWith, small } from './covered-document.ts';

test('what is covered is in the document, and does not depend on the number of jobs', async () => {
  const one = await coverageWith('1');
  expect(one.charts.map(({ chart }) => chart)).toEqual(['boot', 'early', 'system']);
  expect(one.tlb.map(({ bbm }) => bbm)).toEqual(['level0', 'level2-noabort']);
  const counts = one.charts.flatMap(({ cells }) => cells.map(({ schedules }) => schedules));
  expect(new Set(counts)).toEqual(new Set([0, 40]));
  expect(await coverageWith('3')).toEqual(one);
});

test('prints the tables, empty cells and all', async () => {
  const { code, stdout } = await asymmu(['explore', 'repaint', '--schedules', '20', '--coverage', ...small]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/charts: \d+ of \d+ cells taken/);
  expect(stdout).toMatch(/online\.stop\.prepare +stopMachine\.irqsOff 20\n/);
  expect(stdout).toMatch(/online\.task\.bringingUp\.deciding +repaint\.notNeeded -, repaint\.started 20\n/);
  expect(stdout).toMatch(/CPUs of class level2-noabort: \d+ of \d+\n/);
  expect(stdout).toMatch(/ block +same .* n--- /);
});
