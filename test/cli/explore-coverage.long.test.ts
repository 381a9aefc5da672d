import { expect, test } from 'vitest';
import { documentSchemas } from '../../actors/cli/document/document-schemas.ts';
import { asymmu } from './command.ts';

const small = ['--cpus', '2', '--seed', '1'];

interface Cells {
  readonly charts: readonly { readonly chart: string; readonly cells: readonly { readonly schedules: number }[] }[];
  readonly tlb: readonly { readonly bbm: string; readonly rows: readonly object[] }[];
}

/** The coverage in the document of a search. */
async function coverageWith(jobs: string): Promise<Cells> {
  const args = ['explore', 'repaint', '--schedules', '40', '--coverage', '--jobs', jobs, '--json', ...small];
  const { code, stdout, stderr } = await asymmu(args);
  expect([code, stderr]).toEqual([0, '']);
  const document = JSON.parse(stdout) as { coverage: Cells };
  expect(documentSchemas.explore.safeParse(document).error).toBeUndefined();
  return document.coverage;
}

test('what is covered does not depend on the number of jobs', async () => {
  expect(await coverageWith('3')).toEqual(await coverageWith('1'));
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
