import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The real command, as a child process. */

const BIN = fileURLToPath(new URL('../../bin/asymmu.js', import.meta.url));

/** How a command ended and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Nothing that it started is left. */
  readonly aloneInItsGroup: boolean;
}

/** `node`: options of Node itself. `onOutput`: told of all of stdout so far, whenever there is more. */
export interface How {
  readonly cwd?: string;
  readonly node?: readonly string[];
  readonly onOutput?: (stdout: string, child: ChildProcess) => void;
}

/** Runs `asymmu ...args` until it exits by itself; rejects when it does not within half a minute. */
export function asymmu(args: readonly string[], { cwd, node = [], onOutput }: How = {}): Promise<Ended> {
  const began = performance.now();
  // Its own process group, so that whatever it starts can be found again.
  const child = spawn(process.execPath, [...node, BIN, ...args], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.(stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`asymmu ${args.join(' ')} does not end\n${stdout}\n${stderr}`));
    }, 30_000);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr, ms: performance.now() - began, aloneInItsGroup: !groupLives(child.pid!) });
    });
  });
}

/** Lines of a search, without what depends on the clock. */
export function timeless({ stdout }: Ended): string {
  return stdout.replace(/\(\d+\.\d\d s\)/, '').replace(/\([\d,]+ schedules\/s, [\d,]+ points\/s\)/, '');
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}
