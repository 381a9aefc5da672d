import { digestOfData } from '../../../src/explore/token/digest.ts';
import type { Setting, Subject } from '../../../src/explore/token/token.ts';
import { SETTINGS } from '../../../src/explore/token/token.ts';
import type { Board } from '../../../src/hardware/board/board.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import type { ExplorationPlan } from '../../campaign/exploration.ts';
import { exploredBoard, smallOf } from '../../campaign/explored-board.ts';
import type { ScenarioReference } from '../../thread/protocol.ts';
import { type Configuration, type ConfigurationOptions, configure, resolved } from '../configuration/configuration.ts';
import { usageError } from '../usage-error.ts';

/** What an exploration runs on: a board that a schedule fits on a screen of, unless somebody asked for another. */

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
  const shape = options.small ? shapeOf : undefined;
  const configuration = await configure(name, options, options.small ? undefined : usualBoard, shape);
  const { reference, board, kernel } = configuration;
  return {
    ...configuration,
    plan: { reference, board, kernel, from, mostPoints, charts },
    settings: settingsOf(options),
  };
}

/** A module says what it wants. */
function usualBoard(scenario: Scenario, { module }: ScenarioReference): string | Board {
  return module === undefined ? exploredBoard(scenario) : scenario.board;
}

function shapeOf(board: Board): Board {
  try {
    return smallOf(board);
  } catch (thrown) {
    if (thrown instanceof RangeError) throw usageError(`it cannot be made small: ${thrown.message}`);
    throw thrown;
  }
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
