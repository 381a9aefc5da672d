import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { boardFileSchema } from '../../../actors/cli/board/board-schema.ts';
import { schemaFiles } from '../../../actors/cli/document/write-schemas.ts';

describe('the JSON Schema', () => {
  const published = JSON.parse(readFileSync('schema/board.schema.json', 'utf8'));

  test.each(Object.keys(schemaFiles))('%s is up to date (else: npm run schemas)', (name) => {
    expect(readFileSync(`schema/${name}`, 'utf8')).toBe(schemaFiles[name]!());
  });

  test('knows every key, refuses others and offers every part', () => {
    expect(Object.keys(published.properties).toSorted()).toEqual(Object.keys(boardFileSchema.shape).toSorted());
    expect(published).toMatchObject({ additionalProperties: false, required: ['name', 'memory', 'cpus'] });
    expect(JSON.stringify(published.properties.cpus)).toContain('"cortex-x4-r0p3"');
  });
});
