import { readFileSync } from 'node:fs';

/** The package's version. */
export function version(): string {
  const file = ['../../package.json', '../../../package.json'].map((path) => new URL(path, import.meta.url));
  for (const url of file)
    try {
      return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
    } catch {
      // the compiled files lie one folder deeper
    }
  return 'unknown';
}
