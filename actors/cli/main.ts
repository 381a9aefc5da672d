import { Command, CommanderError } from 'commander';
import { REVISIONS } from '../../src/kernel/config.ts';
import { isDiverged } from './diverged.ts';
import { EXIT_DIVERGED, EXIT_INTERNAL, EXIT_USAGE } from './exit-code.ts';
import { isUsageError, usageError } from './usage-error.ts';
import { version } from './version.ts';

/** The command line: names, options and help here; what a command does is loaded when it is called. */

const program = new Command('asymmu')
  .description('a laboratory for arm64 page-table protocols on machines you do not own')
  .version(version())
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(oneLine(text)) });

/** What commander complains of, on one line. */
function oneLine(text: string): string {
  const words = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  return `asymmu: ${words}; try 'asymmu --help'\n`;
}

// Whoever reads the output may have seen enough: `asymmu ptdump | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : EXIT_INTERNAL);
});

let exitCode = 0;

function kernelOptions(command: Command): Command {
  return shapeOptions(
    command
      .option('--board <name|file>', 'a preset (see `asymmu boards`) or a YAML file')
      .option('--granule <4K|16K|64K>', 'translation granule'),
  );
}

/** What changes a board, whichever it is, and the kernel. */
function shapeOptions(command: Command): Command {
  return command
    .option('--cpus <n>', 'resize the board to this many CPUs, same mix of models')
    .option('--memory <size>', 'resize RAM, e.g. 256GiB')
    .option('--va-bits <n>', 'virtual address size: 36, 39, 42, 47 or 48')
    .option(`--revision <${REVISIONS.join('|')}>`, 'which kernel text acts')
    .option('--rodata <full|on|noalias|off>', 'the kernel parameter')
    .option('--kfence <off|early|late>', 'whether and when KFENCE takes its pool')
    .option('--debug-pagealloc', 'the kernel parameter: the linear map is made of pages')
    .option('--realm', 'the kernel runs in a realm')
    .option('--preempt-rt', 'the kernel is built with CONFIG_PREEMPT_RT')
    .option('--seed <n>', 'all chance comes from here; drawn and printed if not given')
    .option('--json', 'one JSON document on stdout, nothing else');
}

kernelOptions(
  program
    .command('run', { isDefault: true })
    .description('boot a board on real threads, one worker a CPU, run a scenario, print the verdict')
    .argument('[scenario]', 'a name (see `asymmu scenarios`) or the path of a module', 'repaint'),
)
  .option('--watch', 'show every CPU and the linear map while it happens')
  .option('--no-noise', 'no random delays')
  .option('--stall <ms>', 'no progress for this long is a verdict')
  .action(async (scenario: string, options) => {
    const { run } = await import('./run.ts');
    exitCode = await run(scenario, options);
  });

kernelOptions(
  program
    .command('soak')
    .description('round after round on real threads, on boards and kernel configurations drawn at random')
    .argument('[scenarios...]', 'names or paths of modules; without any, all good ones of the catalogue take turns'),
)
  .option('--for <time>', 'how long, e.g. 30s, 10m or 8h (10m, unless --rounds is given)')
  .option('--rounds <n>', 'how many rounds')
  .option('--first-round <n>', 'begin with this round of the seed')
  .option('--no-draw', "every round on the scenario's own board and kernel configuration")
  .option('--keep-going', 'go on after a violation')
  .option('--no-noise', 'no random delays')
  .option('--stall <ms>', 'no progress for this long is a verdict')
  .action(async (scenarios: string[], options) => {
    const { soak } = await import('./soak.ts');
    exitCode = await soak(scenarios, options);
  });

kernelOptions(
  program
    .command('explore')
    .description('run schedule after schedule, every decision made by a strategy, until one violates a property')
    .argument('<scenario>', 'a name (see `asymmu scenarios`) or the path of a module'),
)
  .option('--strategy <random|pct|novel|bounded|dfs>', 'who decides', 'random')
  .option('--depth <d>', 'pct: orderings between CPUs that a bug takes (3)')
  .option('--preemptions <n>', 'bounded: CPUs that take over from one that could go on, at most (2)')
  .option('--acts <n>', 'bounded, dfs: acts of the hardware by itself in one schedule, at most (1)')
  .option('--chances <n>', 'bounded, dfs: answers of chance that are not the tame one, at most (0)')
  .option('--checkpoint <file>', 'bounded, dfs: go on where this file has it, and keep it there')
  .option('--schedules <n>', 'how many schedules (10000, unless --for is given; bounded, dfs: all there are)')
  .option('--for <time>', 'how long, e.g. 30s, 10m or 8h')
  .option('--jobs <n>', 'how many schedules at once; as many as there are cores, if not given')
  .option('--small', "the board's mix of CPUs, at most four unless --cpus says so, with four blocks of memory")
  .option('--from <brought-up|power-on>', 'where each run begins', 'brought-up')
  .option('--points <n>', 'give a run up after this many (100000)')
  .option('--keep-going', 'go on after a violation')
  .option('--coverage', 'show what the schedules covered of the charts and of TLB situations, and what they did not')
  .option('--no-shrink', 'show the run that was found, not a smaller one that violates the same')
  .option('--charts', 'judge milestones by the real state charts instead of tables compiled from them: slow')
  .action(async (scenario: string, options) => {
    const { explore } = await import('./explore.ts');
    exitCode = await explore(scenario, options);
  });

shapeOptions(
  program
    .command('matrix')
    .description(
      'explore one scenario on every revision of the kernel and on one board after the other, each made small',
    )
    .argument('[scenario]', 'a name (see `asymmu scenarios`) or the path of a module', 'repaint'),
)
  .option('--boards <a,b>', 'these rows, or any other boards, instead of the usual ones')
  .option('--schedules <n>', 'random schedules for each cell (100)')
  .option('--jobs <n>', 'how many cells at once; as many as there are cores, if not given')
  .action(async (scenario: string, options) => {
    const { matrix } = await import('./matrix.ts');
    exitCode = await matrix(scenario, options);
  });

program
  .command('replay')
  .description('make a run again from the token that `asymmu explore` printed')
  .argument('<token>', 'as it was printed')
  .option('--trace', 'print every step')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (token: string, options) => {
    const { replay } = await import('./replay.ts');
    exitCode = await replay(token, options);
  });

const bugsCommand = program
  .command('bugs')
  .description('list the bugs that are known, or describe one; `bugs run` finds them')
  .argument('[bug]', 'a name')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (name: string | undefined, options) => {
    const { listBugs } = await import('./bugs.ts');
    listBugs(name, options);
  });

bugsCommand
  .command('run')
  .description('find each bug by exploring, from many seeds, and put its fix to the same schedules')
  .argument('[bugs...]', 'names; all if none is given')
  .option('--seed <n>', 'the first seed (1)')
  .option('--seeds <n>', 'how many (20)')
  .option('--schedules <n>', 'most schedules from each seed, by each strategy (20000)')
  .option('--jobs <n>', 'how many bugs at once; as many as there are cores, if not given')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (names: string[], _options, command: Command) => {
    const { runBugs } = await import('./bugs.ts');
    exitCode = await runBugs(names, command.optsWithGlobals());
  });

program
  .command('scenarios')
  .description('list the scenarios, good ones and bad twins')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (options) => {
    const { listScenarios } = await import('./lists.ts');
    listScenarios(options);
  });

program
  .command('boards')
  .description('list the boards, or describe one')
  .argument('[board]', 'a preset or a YAML file')
  .option('--models', 'list the CPU models')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (board: string | undefined, options) => {
    const { listBoards } = await import('./lists.ts');
    await listBoards(board, options);
  });

program
  .command('bench')
  .description('measure how fast the simulator is, against the bars of its design')
  .argument('[name...]', 'rows, or their first part: threads, split, board, worker, cli; all if none is given')
  .option('--runs <n>', 'measurements of each row', '7')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (names: string[], options) => {
    const { bench } = await import('./bench.ts');
    exitCode = await bench(names, options);
  });

program
  .command('charts')
  .description('print the state charts of the CPUs, the board and the long jobs')
  .argument('[chart]', 'cpu, system or soak; all if none is given')
  .option('--format <mermaid|json|text>', 'how', 'mermaid')
  .option('--json', 'one JSON document on stdout, nothing else')
  .action(async (chart: string | undefined, options) => {
    const { charts } = await import('./charts.ts');
    charts(chart, options);
  });

kernelOptions(
  program
    .command('ptdump')
    .description("print the linear map and the image as the kernel's own dump of its page tables"),
)
  .option('--when <painted|running>', 'after the boot CPU has painted the map, or once the system runs', 'running')
  .action(async (options) => {
    const { ptdump } = await import('./ptdump.ts');
    await ptdump(options);
  });

/** A first word that is no command is taken for a scenario: whoever misspelt a command should hear of it. */
async function checkFirstWord([word, of]: readonly string[]): Promise<void> {
  const commands = [...program.commands.map((command) => command.name()), 'help'];
  if (word === 'help' && of !== undefined && !commands.includes(of))
    throw usageError(`help: no command is called '${of}'`);
  if (word === undefined || word.startsWith('-') || commands.includes(word)) return;
  const { unknownScenario } = await import('./configuration/scenario-name.ts');
  const problem = unknownScenario(word, commands);
  if (problem !== undefined) throw usageError(problem);
}

/** Says what went wrong, on one line if it is not ours. Returns the exit code. */
function failed(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT_USAGE;
  if (isUsageError(thrown)) {
    process.stderr.write(`asymmu: ${thrown.message}\n`);
    return EXIT_USAGE;
  }
  if (isDiverged(thrown)) {
    process.stderr.write(`asymmu: ${thrown.message}\n`);
    return EXIT_DIVERGED;
  }
  process.stderr.write(`asymmu: internal error: ${thrown instanceof Error ? thrown.stack : thrown}\n`);
  return EXIT_INTERNAL;
}

// A module of the user's may throw when nobody waits for it any more: its timers, its promises.
process.on('uncaughtException', async (thrown) => {
  const { foreignProblem } = await import('./configuration/scenario-problem.ts');
  process.exit(failed(foreignProblem(thrown)));
});

try {
  await checkFirstWord(process.argv.slice(2));
  await program.parseAsync();
} catch (thrown) {
  exitCode = failed(thrown);
}
process.exitCode = exitCode;
