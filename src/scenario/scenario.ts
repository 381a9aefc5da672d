import type { Property } from '../check/violation.ts';
import type { Board } from '../hardware/board/board.ts';
import type { Cpu } from '../hardware/cpu.ts';
import type { Op } from '../hardware/op.ts';
import type { Machine } from '../hardware/system.ts';
import { DEFAULT_CONFIG, type KernelConfig, KFENCE, REVISIONS, RODATA } from '../kernel/config.ts';
import type { Kernel, KernelText } from '../kernel/kernel.ts';
import type { Handlers, Softirq } from '../kernel/locking/softirq.ts';

/** What one CPU runs once the system is up. */
export type Program = (cpu: Cpu, kernel: Kernel) => Op;

/**
 * A named experiment: a board, a kernel (its good text, or one small change of it), what each CPU does after boot, and
 * what must hold.
 */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  /** A preset's name, or the board itself. */
  readonly board: string | Board;
  /** `good`, or the property that must catch it. */
  readonly expect: 'good' | string;
  readonly kernel?: Partial<KernelConfig>;
  /** What befalls any text: a CPU held up, memory that runs out. No fault of the kernel's, and nothing that it could cure. */
  readonly circumstances?: (good: KernelText) => KernelText;
  /** The change of the kernel's text, for a bad twin. */
  readonly text?: (good: KernelText) => KernelText;
  /** Prepares the machine before any CPU starts. */
  readonly setup?: (machine: Machine, kernel: Kernel) => void;
  /** The program of each CPU after boot; by default all check the linear map. */
  readonly programs?: (cpu: number) => Program;
  /** The same for the explorer, where each page that is read is a point: by default `programs`, or a few loads. */
  readonly briefPrograms?: (cpu: number) => Program;
  /** What the softirq of each CPU does: the timer's interrupt raises it (`sendIpi` with `IRQ_TIMER`, or `armTimer`). */
  readonly softirq?: (cpu: number) => Softirq;
  /** What the handler of each CPU's device does, in hard interrupt context: `sendIpi` or `armTimer` with `IRQ_DEVICE`. */
  readonly irq?: (cpu: number) => Softirq;
  /**
   * The explorer begins when the system runs, and not when all CPUs are up: what the boot does beforehand takes long, and is not
   * what the scenario is about. Where the boot ends with a repaint, it begins before that all the same.
   */
  readonly exploredOnceBooted?: boolean;
  /** Properties beside the standard ones. */
  readonly properties?: readonly Property[];
  /** One late page-table allocation in this many fails, by chance. */
  readonly allocationFailureOneIn?: number;
}

/** The text as the scenario's circumstances leave it. */
export function circumstancesOf({ circumstances }: Scenario, good: KernelText): KernelText {
  return circumstances?.(good) ?? good;
}

/** The text that the scenario's kernel acts by: the revision's own, under its circumstances, with its change. */
export function textOf(scenario: Scenario, good: KernelText): KernelText {
  const given = circumstancesOf(scenario, good);
  return scenario.text?.(given) ?? given;
}

/** What interrupts of one CPU do. */
export function handlersOf({ irq, softirq }: Scenario, cpu: number): Handlers {
  return { irq: irq?.(cpu), softirq: softirq?.(cpu) };
}

/** What a user's module exports by default. Only `name`, `summary` and `board` must be given. */
export type ScenarioDefinition = Omit<Scenario, 'expect'> & { readonly expect?: string };

/** Checks the shape of a scenario; throws a TypeError that says what is wrong. */
export function defineScenario(definition: ScenarioDefinition): Scenario {
  const problem = problemOf(definition);
  if (problem !== undefined) throw new TypeError(`defineScenario: ${problem}`);
  return { ...definition, expect: definition.expect ?? 'good' };
}

const TEXTS = ['name', 'summary'] as const;
const FUNCTIONS = ['circumstances', 'text', 'setup', 'programs', 'briefPrograms', 'softirq', 'irq'] as const;
const KEYS: ReadonlySet<string> = new Set([
  ...TEXTS,
  ...FUNCTIONS,
  'board',
  'expect',
  'kernel',
  'properties',
  'exploredOnceBooted',
  'allocationFailureOneIn',
]);

function problemOf(definition: unknown): string | undefined {
  if (typeof definition !== 'object' || definition === null) return `expected an object, got ${typeof definition}`;
  const given = definition as Record<string, unknown>;
  for (const key of Object.keys(given))
    if (!KEYS.has(key)) return `unknown key '${key}'; known: ${[...KEYS].join(', ')}`;
  for (const key of TEXTS)
    if (typeof given[key] !== 'string' || given[key] === '') return `'${key}' must be a non-empty string`;
  if (typeof given.board !== 'string' && (typeof given.board !== 'object' || given.board === null))
    return "'board' must be the name of a board or a board";
  for (const key of FUNCTIONS)
    if (given[key] !== undefined && typeof given[key] !== 'function') return `'${key}' must be a function`;
  if (given.expect !== undefined && typeof given.expect !== 'string')
    return "'expect' must be 'good' or the name of a property";
  if (given.exploredOnceBooted !== undefined && typeof given.exploredOnceBooted !== 'boolean')
    return "'exploredOnceBooted' must be true or false";
  const { allocationFailureOneIn: oneIn } = given;
  if (oneIn !== undefined && !(Number.isInteger(oneIn) && Number(oneIn) >= 0 && Number(oneIn) < 2 ** 31))
    return "'allocationFailureOneIn' must be a whole number, 0 for never";
  return kernelProblem(given.kernel) ?? propertiesProblem(given.properties);
}

const CHOICES = { revision: REVISIONS, rodata: RODATA, kfence: KFENCE } as const;

function kernelProblem(kernel: unknown): string | undefined {
  if (kernel === undefined) return undefined;
  if (typeof kernel !== 'object' || kernel === null) return "'kernel' must be an object";
  for (const [key, value] of Object.entries(kernel)) {
    if (!(key in DEFAULT_CONFIG))
      return `unknown key 'kernel.${key}'; known: ${Object.keys(DEFAULT_CONFIG).join(', ')}`;
    const choices: readonly unknown[] = key in CHOICES ? CHOICES[key as keyof typeof CHOICES] : [true, false];
    if (!choices.includes(value)) return `'kernel.${key}' must be one of ${choices.join(', ')}`;
  }
  return undefined;
}

function propertiesProblem(properties: unknown): string | undefined {
  if (properties === undefined) return undefined;
  if (!Array.isArray(properties)) return "'properties' must be an array";
  const odd = properties.findIndex((one) => typeof one?.name !== 'string' || !MOODS.includes(one.mood));
  return odd < 0 ? undefined : `'properties[${odd}]' must have a name and a mood, ${MOODS.join(' or ')}`;
}

const MOODS: readonly unknown[] = ['always', 'sometimes'];
