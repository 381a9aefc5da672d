import { expect, test } from 'vitest';
import { documentSchemas } from '../../actors/cli/document-schemas.ts';
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
