import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One folder for whatever tests and the commands that they run leave behind; nothing is left of it when they have ended. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'asymmu-test-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
