import { digestOfData } from '../../src/explore/token/digest.ts';
import type { Setting, Subject } from '../../src/explore/token/token.ts';
import { SETTINGS } from '../../src/explore/token/token.ts';
import { type Board, MiB } from '../../src/hardware/board.ts';
import { boardPresets, cramped } from '../../src/hardware/board-presets.ts';
import { resizeBoard } from '../../src/hardware/board-resize.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import type { ExplorationPlan } from '../campaign/exploration.ts';
import type { ScenarioReference } from '../thread/protocol.ts';
import { type Configuration, type ConfigurationOptions, configure, resolved } from './configuration.ts';
import { usageError } from './usage-error.ts';

/** What an exploration runs on: a board that a schedule fits on a screen of, unless somebody asked for another. */

/** A run of more points than this is given up: the repaint has some 300 on four CPUs, a late CPU's readers some 40,000. */
export const MOST_POINTS = 100_000;

/** A configuration that is explored. */
export interface Explored extends Configuration {
  readonly plan: ExplorationPlan;
  /** The settings that lead to this configuration, defaults among them. */
  readonly settings: Subject['settings'];
}

export interface ExploredOptions extends ConfigurationOptions {
  readonly from: ExplorationPlan['from'];
  readonly mostPoints: number;
  readonly charts: ExplorationPlan['charts'];
}

/** Turns what the user typed into what is explored; throws usage errors. */
export async function configureExplored(name: string, options: ExploredOptions): Promise<Explored> {
  const { from, mostPoints, charts } = options;
  const shape = options.small ? smallOf : undefined;
  const configuration = await configure(name, options, options.small ? undefined : usualBoard, shape);
  const { reference, board, kernel } = configuration;
  return {
    ...configuration,
    plan: { reference, board, kernel, from, mostPoints, charts },
    settings: settingsOf(options),
  };
}

const FEW_CPUS = 4;

/**
 * The catalogue's scenarios are written for boards to be run on threads. Here every page is a point, so where only the mix of
 * CPUs matters, one block and four CPUs are enough; a module says what it wants.
 */
function usualBoard(scenario: Scenario, { module }: ScenarioReference): string | Board {
  const own = typeof scenario.board === 'string' ? boardPresets.get(scenario.board) : undefined;
  if (module !== undefined || own === undefined) return scenario.board;
  if (own.lateCpus.length > 0) return smallOf(own);
  const resized = resizeBoard(oneBlock, { cpus: FEW_CPUS });
  if (!resized.ok) throw new Error(resized.problems.join('; '));
  return resized.board;
}

const oneBlock = boardPresets.get('one-block')!;

/** The board's mix of CPUs, at most four, with small TLBs; a tiny kernel and two 2M blocks of memory in one bank. */
function smallOf(board: Board): Board {
  if (board.granule !== '4K') throw usageError(`--small: ${board.name} has the ${board.granule} granule, not 4K`);
  const { base } = oneBlock.memory[0]!;
  const few = resizeBoard(
    {
      ...oneBlock,
      name: `small ${board.name}`,
      summary: `the CPUs of ${board.name}, at most four; a tiny kernel and two 2M blocks`,
      memory: [{ base, bytes: 4 * MiB }],
      cpus: board.cpus.map(cramped),
      lateCpus: board.lateCpus,
    },
    { cpus: Math.min(board.cpus.length, FEW_CPUS) },
  );
  if (!few.ok) throw usageError(`--small: ${few.problems.join('; ')}`);
  return few.board;
}

/** What is not the board that the scenario names. */
export function boardNote({ scenario, plan, settings }: Explored): string | undefined {
  const own = typeof scenario.board === 'string' ? scenario.board : scenario.board.name;
  if (settings.board !== undefined || own === plan.board.name) return undefined;
  return `on ${plan.board.name}, ${plan.board.summary}; --board ${own} is the scenario's own`;
}

function settingsOf(asked: ConfigurationOptions): Subject['settings'] {
  const given = SETTINGS.flatMap((name): [Setting, string][] => {
    const value = asked[name];
    return value === undefined || value === false ? [] : [[name, value === true ? '' : value]];
  });
  return Object.fromEntries(given);
}

/** The options that `settingsOf` was made from. */
export function optionsOf(settings: Subject['settings']): ConfigurationOptions {
  const options = Object.entries(settings).map(([name, value]) => [name, value === '' ? true : value]);
  return Object.fromEntries(options);
}

/** What a token says of the configuration. */
export function subjectOf({ plan, settings, scenario }: Explored): Subject {
  const { board, kernel, from, mostPoints, reference } = plan;
  const { summary: _, ...facts } = board;
  return {
    scenario: reference.name,
    settings,
    from,
    mostPoints,
    boardDigest: digestOfData(facts),
    kernelDigest: digestOfData({ kernel, oneIn: scenario.allocationFailureOneIn ?? 0 }),
  };
}

/** What is printed before anything starts, and stands in every document. */
export function resolvedExplored(explored: Explored): Record<string, unknown> {
  const { from, mostPoints, charts } = explored.plan;
  return { ...resolved(explored), from, mostPoints, charts };
}
