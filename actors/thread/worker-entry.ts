import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Where a CPU's worker begins. A worker that loads eighty TypeScript files takes 100 ms and 30 MB to start, each strip of
 * the types done again; one bundled file takes a quarter of that. So a checkout bundles the worker once, beside the
 * dependencies, and again whenever a source file has changed; the published package brings its bundle along.
 */

const HERE = new URL('.', import.meta.url);
const SOURCE = new URL('./cpu-worker.ts', HERE);
/** Folders whose files a worker may load, from the root of the checkout. */
const SOURCES = ['src', 'machines', 'actors/thread'];

let entry: Promise<URL> | undefined;

/** The file to start workers from. */
export function workerEntry(): Promise<URL> {
  entry ??= existsSync(SOURCE) ? bundledSource() : Promise.resolve(new URL('../../cpu-worker.js', HERE));
  return entry;
}

async function bundledSource(): Promise<URL> {
  const root = fileURLToPath(new URL('../../', HERE));
  const folder = join(root, 'node_modules', '.cache', 'asymmu');
  const file = join(folder, `cpu-worker-${fingerprint(root)}.mjs`);
  if (existsSync(file)) return pathToFileURL(file);
  try {
    const { build } = await import('rolldown');
    mkdirSync(folder, { recursive: true });
    const unfinished = `${file}.${process.pid}`;
    await build({
      input: fileURLToPath(SOURCE),
      platform: 'node',
      logLevel: 'silent',
      output: { file: unfinished, format: 'esm', minify: true, codeSplitting: false },
    });
    renameSync(unfinished, file); // whole or not at all: another process may be doing the same
    return pathToFileURL(file);
  } catch {
    return SOURCE; // without the bundler, or in a folder nobody may write to: slower to start, otherwise the same
  }
}

/** Names, sizes and times of all source files. */
function fingerprint(root: string): string {
  const hash = createHash('sha256');
  for (const folder of SOURCES)
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!name.endsWith('.ts')) continue;
      const { size, mtimeMs } = statSync(join(root, folder, name));
      hash.update(`${folder}/${name} ${size} ${mtimeMs}\n`);
    }
  return hash.digest('hex').slice(0, 16);
}
