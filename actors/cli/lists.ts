import { describeBoard } from '../../src/hardware/board/board-describe.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { cpuModelNames, cpuModels } from '../../src/hardware/board/cpu-models.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { loadBoard } from './board/board-file.ts';
import { usageError } from './usage-error.ts';
import { version } from './version.ts';

/** The commands that list what there is. */

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

export function listScenarios(options: { readonly json?: boolean }): void {
  const scenarios = catalogue.map(({ name, summary, expect }) => ({ name, summary, expect }));
  if (options.json) {
    print(JSON.stringify({ command: 'scenarios', version: version(), scenarios }, null, 2));
    return;
  }
  const verdict = (expect: string): string => (expect === 'good' ? 'good' : `caught by ${expect}`);
  const width = Math.max(...scenarios.map(({ name }) => name.length)) + 2;
  const second = Math.max(...scenarios.map(({ expect }) => verdict(expect).length)) + 2;
  for (const { name, summary, expect } of scenarios)
    print(`${name.padEnd(width)}${verdict(expect).padEnd(second)}${summary}`);
}

export async function listBoards(
  name: string | undefined,
  options: { readonly json?: boolean; readonly models?: boolean },
): Promise<void> {
  if (options.models) {
    if (options.json) print(JSON.stringify({ command: 'boards', version: version(), models: cpuModels }, null, 2));
    else
      for (const model of cpuModelNames)
        print(`${model.padEnd(24)}${cpuModels[model].name}, BBM class ${cpuModels[model].conflicts}`);
    return;
  }
  if (name !== undefined) {
    const loaded = await loadBoard(name);
    if (!loaded.ok) throw usageError(loaded.problems.join('\n'));
    if (options.json) print(JSON.stringify({ command: 'boards', version: version(), board: loaded.board }, null, 2));
    else for (const line of describeBoard(loaded.board)) print(line);
    return;
  }
  const boards = [...boardPresets.values()];
  if (options.json) {
    const list = boards.map(({ name: board, summary, cpus }) => ({ name: board, summary, cpus: cpus.length }));
    print(JSON.stringify({ command: 'boards', version: version(), boards: list }, null, 2));
    return;
  }
  const width = Math.max(...boards.map((board) => board.name.length)) + 2;
  for (const board of boards)
    print(`${board.name.padEnd(width)}${String(board.cpus.length).padStart(3)} CPUs  ${board.summary}`);
}
