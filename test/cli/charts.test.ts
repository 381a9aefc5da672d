import { expect, test } from 'vitest';
import { asymmu } from './command.ts';

test('asymmu charts draws every chart for Mermaid', async () => {
  const { code, stdout } = await asymmu(['charts']);
  expect(code).toBe(0);
  expect(stdout.match(/^stateDiagram-v2$/gm)).toHaveLength(3);
  expect(stdout.match(/^%% asymmu: \w+$/gm)).toEqual(['%% asymmu: cpu', '%% asymmu: system', '%% asymmu: soak']);
});

test('one chart as an outline names states, programs and where events lead', async () => {
  const { stdout } = await asymmu(['charts', 'cpu', '--format', 'text']);
  expect(stdout).toMatch(/^cpu\n {2}\* off\n {6}power\.on -> cpu\.powered\n {2}powered \{boot\}\n/);
  expect(stdout).toMatch(/^ +online \(in parallel\)$/m);
});

test('a chart as JSON is that chart', async () => {
  const { stdout } = await asymmu(['charts', 'soak', '--format', 'json']);
  expect(JSON.parse(stdout)).toMatchObject({ id: 'soak', states: {} });
});
