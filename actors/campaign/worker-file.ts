import { fileURLToPath } from 'node:url';

/** The path of a worker in this folder: TypeScript in a checkout, compiled in a package. */
export function workerFile(name: string): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
}
