import { writeFileSync } from 'node:fs';
import { boardJsonSchema } from '../board/board-schema.ts';
import { type DocumentName, documentJsonSchema, documentSchemas } from './document-schemas.ts';

/** Writes schema/*.json from the schemas that the command line checks with. Run it after a change: `node actors/cli/write-schemas.ts`. */

const lineWidth = 120;

/** JSON as Biome lays it out: a list stays on its line if it fits there. */
export function formatJson(value: unknown, indent = '', used = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => formatJson(item)).join(', ')}]`;
    const flat = value.every((item) => typeof item !== 'object' || item === null);
    if (flat && indent.length + used + line.length < lineWidth) return line;
    return `[\n${value.map((item) => inner + formatJson(item, inner)).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const rows = entries.map(([key, item]) => {
    const name = `${JSON.stringify(key)}: `;
    return inner + name + formatJson(item, inner, name.length);
  });
  return `{\n${rows.join(',\n')}\n${indent}}`;
}

/** File name to content, for everything in schema/. */
export const schemaFiles: Readonly<Record<string, () => string>> = {
  'board.schema.json': () => `${formatJson(boardJsonSchema())}\n`,
  ...Object.fromEntries(
    (Object.keys(documentSchemas) as DocumentName[]).map((name) => [
      `${name}.schema.json`,
      () => `${formatJson(documentJsonSchema(name))}\n`,
    ]),
  ),
};

if (import.meta.main) {
  for (const [name, content] of Object.entries(schemaFiles)) {
    writeFileSync(new URL(`../../../schema/${name}`, import.meta.url), content());
  }
}
