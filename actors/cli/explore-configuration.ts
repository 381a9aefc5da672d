import { digestOfData } from '../../src/explore/digest.ts';
import type { Setting, Subject } from '../../src/explore/token.ts';
import { SETTINGS } from '../../src/explore/token.ts';
import { boardPresets } from '../../src/hardware/board-presets.ts';
import type { ExplorationPlan } from '../campaign/exploration.ts';
import { type Configuration, type ConfigurationOptions, configure, findScenario, resolved } from './configuration.ts';

/** What an exploration runs on: a board that a schedule fits on a screen of, unless somebody asked for another. */

/** A run of more points than this is given up: the repaint has some 300 on four CPUs. */
export const MOST_POINTS = 20_000;

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
  const asked: ConfigurationOptions = { ...(await smallBoard(name, options)), ...options };
  const configuration = await configure(name, asked);
  const { reference, board, kernel } = configuration;
  return {
    ...configuration,
    plan: { reference, board, kernel, from, mostPoints, charts },
    settings: settingsOf(asked),
  };
}

const SMALL_BOARD = 'one-block';
const FEW_CPUS = '4';
/** The least that holds the usual kernel image. */
const LITTLE_MEMORY = '36MiB';

/**
 * The catalogue's scenarios are written for boards to be run on threads. Where only the mix of CPUs matters, one block and
 * four CPUs are enough; a board with late CPUs keeps its CPUs and gets little memory. A module says what it wants.
 */
async function smallBoard(name: string, { board }: ConfigurationOptions): Promise<ConfigurationOptions> {
  if (board !== undefined) return {};
  const { scenario, reference } = await findScenario(name);
  if (reference.module !== undefined || typeof scenario.board !== 'string') return {};
  const own = boardPresets.get(scenario.board);
  if (own === undefined || own.lateCpus.length === 0) return { board: SMALL_BOARD, cpus: FEW_CPUS };
  return { board: own.name, cpus: FEW_CPUS, memory: LITTLE_MEMORY };
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
