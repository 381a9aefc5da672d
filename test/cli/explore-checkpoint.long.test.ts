import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

const folder = folderWith({ 'other.json': '{"asymmu":"something else"}' });
const search = ['explore', 'repaint', '--cpus', '2', '--strategy', 'bounded', '--preemptions', '2', '--acts', '0'];

interface Document {
  readonly verdict: string;
  readonly counts: { readonly schedules: number; readonly points: number };
}

async function explored(...more: string[]): Promise<{ code: number | null; document: Document }> {
  const { code, stdout } = await asymmu([...search, '--json', ...more]);
  return { code, document: JSON.parse(stdout) as Document };
}

describe('a checkpoint', () => {
  it('is where a search is left off, and goes on to the same end', async () => {
    const file = join(folder, 'search.json');
    const whole = await explored();
    expect([whole.code, whole.document.verdict]).toEqual([0, 'good']);
    const first = await explored('--checkpoint', file, '--schedules', '100');
    expect([first.code, first.document.counts.schedules]).toEqual([3, 100]);
    const second = await explored('--checkpoint', file, '--schedules', '300');
    expect([second.code, second.document.counts.schedules]).toEqual([3, 300]);
    const last = await explored('--checkpoint', file);
    expect([last.code, last.document.verdict]).toEqual([0, 'good']);
    expect(last.document.counts.schedules).toBe(whole.document.counts.schedules);
    expect(last.document.counts.points).toBe(whole.document.counts.points);
  });

  it('of another search, of changed programs, or of none is refused with the reason', async () => {
    const file = join(folder, 'search.json');
    const other = await asymmu([...search, '--chances', '1', '--checkpoint', file]);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('the checkpoint is of another search')]);
    const saved = JSON.parse(readFileSync(file, 'utf8')) as { programs: number };
    writeFileSync(join(folder, 'changed.json'), JSON.stringify({ ...saved, programs: saved.programs + 1 }));
    const changed = await asymmu([...search, '--checkpoint', join(folder, 'changed.json')]);
    expect([changed.code, changed.stderr]).toEqual([2, expect.stringContaining('the programs have changed')]);
    const foreign = await asymmu([...search, '--checkpoint', join(folder, 'other.json')]);
    expect([foreign.code, foreign.stderr]).toEqual([2, expect.stringContaining('this is not a checkpoint of asymmu')]);
    const unreadable = await asymmu([...search, '--checkpoint', folder]);
    expect([unreadable.code, unreadable.stderr]).toEqual([2, expect.stringMatching(/EISDIR/)]);
  });

  it('is for searches whose schedules follow from each other', async () => {
    const { code, stderr } = await asymmu(['explore', 'repaint', '--checkpoint', join(folder, 'random.json')]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("schedules of 'random' do not follow from each other")]);
  });
});
