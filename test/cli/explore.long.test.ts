import { expect, test } from 'vitest';
import { asymmu } from './command.ts';

const small = ['--seed', '1', '--jobs', '1'];

test('does not make up a line where none is missing: it names the sentence that was changed', async () => {
  const { stdout } = await asymmu(['explore', 'repaint/painter-without-bbml2', ...small]);
  const text = stdout.replace(/\s+/g, ' ');
  expect(text).toMatch(/cured by repaint\.painter as 6\.18 has it: smp_processor_id\(\) == 0/);
  expect(text).toMatch(/with it all 201 schedules tried end well.*, none of which helps alone;/);
});
