import { expect, test } from 'vitest';
import { compileSystem } from '../../machines/board-tables.ts';
import { CHART_VOCABULARY } from '../../src/check/chart/chart-events.ts';
import { boardOf, compareSystem } from './chart-agreement.ts';

test.each([
  [4, [3]],
  [8, [5, 6, 7]],
])('table and chart agree on every event in every state of a system of %d CPUs, late ones %j', (cpus, late) => {
  const board = boardOf(cpus, late);
  const table = compileSystem(board, CHART_VOCABULARY);
  const { disagreements, states } = compareSystem(table, board);
  expect(disagreements).toEqual([]);
  expect(states).toBe(table.names.length);
});
