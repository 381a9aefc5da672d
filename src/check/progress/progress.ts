import { formatPa, formatVa } from '../../arch/address.ts';
import type { PointKind } from '../../hardware/op.ts';
import type { Touch } from '../../hardware/progress.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import type { Violation } from '../violation.ts';
import { numberRanges } from './number-ranges.ts';
import { lookAgain, wakerOf } from './wakers.ts';

/** What one CPU was doing when nothing moved any more. */
export interface StuckCpu {
  readonly cpu: number;
  /** Where it stands: waiting for a word to change, running, stopped by an exception, or gone. */
  readonly status: 'waiting' | 'running' | 'halted' | 'done' | 'off' | 'gone';
  /** State of its chart, and what it waits for. */
  readonly state: string;
  readonly waitsFor: string;
  /** What it was last seen to touch, where anybody looks. */
  readonly touched?: Touch | undefined;
  /** What became of its wake-up, where anybody knows. */
  readonly wakeUp?: WakeUp | undefined;
}

/**
 * Why a CPU still waits: nobody has sent a wake-up since it last looked; or CPU `by` did, at `step` of the trace, after it had
 * looked (at that virtual address, if anywhere). That was too early, for it did not wait yet; or it was taken back too early.
 */
export type WakeUp =
  | { readonly kind: 'never' }
  | {
      readonly kind: 'lost';
      readonly by: number;
      readonly step: number;
      readonly sent: 'an interrupt' | 'a store';
      readonly looked: number | undefined;
      readonly tooEarly: boolean;
    };

/**
 * A machine in which CPUs do things all the time, and nothing that they have not done before: a livelock, or a loop without
 * an end. Blames those who run; of CPUs that hand something to and fro all may be waiting at this moment.
 */
export function repetitionViolation(cpus: readonly StuckCpu[], repeatedMs: number): Violation {
  const running = cpus.filter(({ status }) => status === 'running');
  const waiting = cpus.filter(({ status, waitsFor }) => status === 'waiting' && !IDLE.has(waitsFor));
  const blamed = [running, waiting, cpus].find(({ length }) => length > 0) ?? [];
  const who = blamed.map(({ cpu }) => cpu);
  return {
    property: 'hung',
    cpu: who[0] ?? -1,
    step: -1,
    message: `CPU ${numberRanges(who)} ${who.length === 1 ? 'has' : 'have'} only repeated what was done before for ${Math.round(repeatedMs)} ms${standing(blamed[0])}`,
    evidence: cpus.map(line),
    remedy: 'an end to the loop; or more patience, if it would have come to one',
  };
}

/** What one CPU does over and over. */
export interface Loop {
  readonly cpu: number;
  /** What it stands before, step by step. `reason`: of a wait, what for. */
  readonly over: readonly { readonly kind: PointKind | 'start'; readonly address: number; readonly reason: string }[];
}

/** CPUs that go round in a circle together while all take turns: the same state of the machine came `times` times. */
export function livelockViolation(loops: readonly Loop[], others: readonly StuckCpu[], times: number): Violation {
  const who = loops.map(({ cpu }) => cpu);
  return {
    property: 'livelock',
    cpu: who[0] ?? -1,
    step: -1,
    message: `CPU ${numberRanges(who)} ${verb(who, 'go', 'goes')} round for ever: the same state came ${times} times while all took turns; ${blame(loops.map(around))}`,
    evidence: [...loops.map((loop) => `${around(loop)}, and again`), ...others.map(line)],
    remedy: '',
  };
}

function around({ cpu, over }: Loop): string {
  const steps = over.slice(0, MOST_STEPS).map(({ kind, address, reason }) => {
    if (kind === 'wait') return `a wait for ${reason}`;
    const touching = (TOUCHING as Readonly<Record<string, string>>)[kind];
    if (touching !== undefined) return `${touching} ${place(address)}`;
    return kind === 'ipi' ? `an IPI to CPU ${address}` : (STANDING[kind] ?? kind);
  });
  const rest = over.length > MOST_STEPS ? `, and ${over.length - MOST_STEPS} steps more` : '';
  return `CPU ${cpu}: ${steps.join(', ')}${rest}`;
}

/** Steps of a loop that are told. */
const MOST_STEPS = 8;

/** What a CPU stands before, where it has no address. */
const STANDING: Readonly<Partial<Record<Loop['over'][number]['kind'], string>>> = {
  start: 'the start of a program',
  tlbi: 'a TLBI',
  dsb: 'a DSB',
  isb: 'an ISB',
  msr: 'an MSR',
  smc: 'an SMC',
  preempt: 'an interrupt',
};

/**
 * A machine that makes no progress: a deadlock when every CPU that still has something to do waits (or has died), a
 * hung CPU when one runs on without getting anywhere. Names who waits for what.
 */
export function stallViolation(cpus: readonly StuckCpu[], stalledMs: number): Violation {
  const running = cpus.filter(({ status }) => status === 'running' || status === 'gone');
  const waiting = cpus.filter((cpu) => cpu.status === 'waiting' && (!IDLE.has(cpu.waitsFor) || isLost(cpu)));
  const halted = cpus.filter(({ status }) => status === 'halted');
  const [first] = [...running, ...waiting, ...halted, ...cpus];
  return {
    property: running.length > 0 ? 'hung' : 'deadlock',
    cpu: first?.cpu ?? -1,
    step: -1,
    message:
      running.length > 0
        ? `CPU ${running[0]!.cpu} has not got anywhere for ${Math.round(stalledMs)} ms${standing(running[0])}`
        : `nobody can go on: ${blame([...waits(waiting), ...halted.map(died), ...notStarted(cpus)])}`,
    evidence: cpus.map(line),
    remedy: running.length > 0 ? '' : wakeUps(waiting),
  };
}

/** `, in state online: working, last seen at a load of 0x...`. */
function standing(cpu: StuckCpu | undefined): string {
  return cpu === undefined ? '' : `, in state ${cpu.state}${seenAt(cpu)}`;
}

function line(cpu: StuckCpu): string {
  return `CPU ${cpu.cpu}: ${doing(cpu)}, ${cpu.state}${cpu.status === 'running' ? seenAt(cpu) : ''}`;
}

const TOUCHING: Readonly<Record<Touch['kind'], string>> = {
  load: 'a load of',
  store: 'a store to',
  rmw: 'an atomic access to',
  fetch: 'a fetch from',
  'fill-table': 'a fill of',
};

function seenAt({ touched }: StuckCpu): string {
  if (touched === undefined) return '';
  return `, last seen at ${TOUCHING[touched.kind]} ${place(touched.address)}`;
}

function place(address: number): string {
  return address >= FIXMAP ? `${formatPa(address - FIXMAP)}, through the fixmap` : formatVa(address);
}

/** The first few, and how many there are besides. */
function blame(reasons: readonly string[]): string {
  if (reasons.length === 0) return 'all wait for work, and nobody gives them any';
  const rest = reasons.length > MOST_NAMED ? `; and ${reasons.length - MOST_NAMED} more` : '';
  return `${reasons.slice(0, MOST_NAMED).join('; ')}${rest}`;
}

const MOST_NAMED = 3;

/** `CPU 1-7 wait for the lock`: those that wait for the same together. */
function waits(waiting: readonly StuckCpu[]): string[] {
  return alike(waiting).map(
    ({ cpus, waitsFor, fate }) => `CPU ${numberRanges(cpus)} ${verb(cpus, 'wait')} for ${waitsFor}${fate}`,
  );
}

const isLost = ({ wakeUp }: StuckCpu): boolean => wakeUp?.kind === 'lost';

/** What became of the wake-up. */
function fateOf({ wakeUp }: StuckCpu): string {
  if (wakeUp === undefined) return '';
  if (wakeUp.kind === 'never') return ', and nobody has sent a wake-up since the last look';
  const { by, step, sent, looked, tooEarly } = wakeUp;
  const looking = looked === undefined ? '' : `after it had looked at ${place(looked)} and `;
  const when = tooEarly ? `${looking}before it began to wait` : 'while it waited, and taken back before it went on';
  return `, and its wake-up is lost: ${sent} by CPU ${by} at step ${step}, ${when}`;
}

/** Who should have ended the waits. */
function wakeUps(waiting: readonly StuckCpu[]): string {
  const lost = waiting.find(isLost)?.wakeUp;
  if (lost?.kind === 'lost') return lookAgain(lost.sent);
  const known = alike(waiting).flatMap(({ cpus, waitsFor }) => {
    const waker = wakerOf(waitsFor);
    return waker === undefined ? [] : [`of CPU ${numberRanges(cpus)} (6.18: ${waker})`];
  });
  return known.length === 0 ? '' : `the wake-up ${known.join(', and ')}`;
}

/** Those that wait for the same, and whose wake-ups have had the same fate. */
function alike(waiting: readonly StuckCpu[]): { cpus: number[]; waitsFor: string; fate: string }[] {
  const byWait = Map.groupBy(waiting, (cpu) => `${cpu.waitsFor}${fateOf(cpu)}`);
  return [...byWait.values()].map((group) => ({
    waitsFor: group[0]!.waitsFor,
    fate: fateOf(group[0]!),
    cpus: group.map(({ cpu }) => cpu),
  }));
}

const verb = (cpus: readonly number[], word: string, one = `${word}s`): string => (cpus.length === 1 ? one : word);
const died = ({ cpu, waitsFor }: StuckCpu): string => `CPU ${cpu} has stopped: ${waitsFor}`;

/** The boot CPU needs nobody to switch it on. */
const notStarted = ([boot]: readonly StuckCpu[]): string[] =>
  boot?.status === 'off' ? [`CPU ${boot.cpu} has not started`] : [];

function doing({ status, waitsFor }: StuckCpu): string {
  if (status === 'waiting') return `waiting for ${waitsFor}`;
  return status === 'halted' ? `halted by ${waitsFor}` : status;
}

/** Waits that anybody may be in for ever. */
const IDLE: ReadonlySet<string> = new Set(['work']);

/** A worker that ended, or died, in the middle of things. */
export function goneViolation(cpu: number, state: string, why: string): Violation {
  return {
    property: 'hung',
    cpu,
    step: -1,
    message: `the worker of CPU ${cpu} is gone (${why}); its chart was in state ${state}`,
    evidence: [],
    remedy: '',
  };
}
