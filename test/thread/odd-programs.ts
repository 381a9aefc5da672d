import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll } from 'vitest';
import type { RunOutcome } from '../../actors/thread/board-run.ts';
import { loadScenario } from '../../actors/thread/scenario-loader.ts';
import { folderWith } from '../folder-with.ts';
import type { sharedRack } from './small-run.ts';

/** Programs of two CPUs written as text, as a user's module brings them, beside CPUs that have nothing to do. */

/** The URL of a module of the library. */
const from = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href;

/** What these programs may stand still for. */
export const STALL_MS = 300;

/** Runs a module whose CPU 2 does `body`, and CPU 3 `other`, when the system is up. `mine`, `yours`: words of their own. */
export type RunProgram = (name: string, body: string, other?: string) => Promise<RunOutcome>;

/** For the tests of one file, on the rack that they share. */
export function oddPrograms(run: ReturnType<typeof sharedRack>): RunProgram {
  const folder = folderWith();
  beforeAll(async () => {
    await runProgram('warm', '', '', 5000); // that workers take long to start is no stall of a program
  });

  async function runProgram(name: string, body: string, other = '', stallMs = STALL_MS): Promise<RunOutcome> {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(
      file,
      `import { load, store } from '${from('hardware/instruction/load-store.ts')}';
       import { relaxWhile } from '${from('hardware/instruction/wait.ts')}';
       import { mark } from '${from('kernel/kernel.ts')}';
       const program = (body) => function* (cpu, k) {
         mark(cpu, 'work.started');
         const { panic_cpu: mine, num_online_cpus: yours } = k.symbols.variables;
         yield* body(cpu, k, mine, yours, performance.now());
         mark(cpu, 'work.finished');
       };
       const odd = program(function* (cpu, k, mine, yours, began) { ${body} });
       const other = program(function* (cpu, k, mine, yours, began) { ${other} });
       const quiet = program(function* () {});
       export default { name: '${name}', summary: 'a test', board: 'asymmetric-8',
         programs: (cpu) => (cpu === 2 ? odd : cpu === 3 ? other : quiet) };`,
    );
    const module = pathToFileURL(file).href;
    return run(await loadScenario({ name, module }), { module, stallMs });
  }

  return runProgram;
}
