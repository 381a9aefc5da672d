import { expect } from 'vitest';
import { documentSchemas } from '../../actors/cli/document/document-schemas.ts';
import { asymmu } from './command.ts';

/** Options of a search that takes a moment. */
export const small = ['--cpus', '2', '--seed', '1'];

interface Cells {
  readonly charts: readonly { readonly chart: string; readonly cells: readonly { readonly schedules: number }[] }[];
  readonly tlb: readonly { readonly bbm: string; readonly rows: readonly object[] }[];
}

/** The coverage in the document of a search. */
export async function coverageWith(jobs: string): Promise<Cells> {
  const args = ['explore', 'repaint', '--schedules', '40', '--coverage', '--jobs', jobs, '--json', ...small];
  const { code, stdout, stderr } = await asymmu(args);
  expect([code, stderr]).toEqual([0, '']);
  const document = JSON.parse(stdout) as { coverage: Cells };
  expect(documentSchemas.explore.safeParse(document).error).toBeUndefined();
  return document.coverage;
}
