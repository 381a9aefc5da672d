import { interleaverOf } from '../../src/explore/interleaver.ts';
import { type Bounds, exhaustive, NO_BOUNDS } from '../../src/explore/strategy/exhaustive.ts';
import { search } from '../../src/explore/strategy/search.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import { boardOf, interpret, memoryText, prepare, type SmallProgram } from './small-program.ts';

/** What one CPU saw, the next, ..., and what memory holds in the end. */
export function outcomeText(registers: readonly string[], memory: string): string {
  return `${registers.join(' | ')} || ${memory}`;
}

export interface Listed {
  readonly outcomes: ReadonlySet<string>;
  readonly schedules: number;
  /** All of them, within no bounds. */
  readonly finished: boolean;
}

/** All outcomes of a small program, by exhaustive search; at most so many schedules. */
export function allOutcomes(
  program: SmallProgram,
  mostSchedules: number,
  reduction: Bounds['reduction'] = 'source-sets',
): Listed {
  const registers: number[][] = program.map(() => []);
  const board = boardOf(Math.max(2, program.length));
  const interleaver = interleaverOf({
    board: { ...board, cpus: board.cpus.slice(0, program.length) },
    scenario: { name: 'small', summary: 'a small program', board: 'one-block', expect: 'good', setup: prepare },
    kernel: DEFAULT_CONFIG,
    work: briefWork,
    from: 'power-on',
    bare: (id) =>
      function* (cpu, k) {
        registers[id]!.length = 0;
        yield* interpret(cpu, k, program, registers[id]!);
      },
    mostPoints: 1000,
  });
  const outcomes = new Set<string>();
  const { machine, kernel } = interleaver;
  const strategy = exhaustive(interleaver, { ...NO_BOUNDS, reduction });
  const { found, exhausted, schedules } = search(interleaver, strategy, 0, mostSchedules, ({ cut }) => {
    if (cut) return;
    const seen = registers.map((all) => all.join(' '));
    outcomes.add(outcomeText(seen, memoryText(machine.memory, kernel)));
  });
  if (found !== undefined) throw new Error(found.run.violations[0]!.message);
  return { outcomes, schedules, finished: exhausted };
}
