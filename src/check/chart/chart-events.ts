import type { FaultKind } from '../../arch/fault.ts';
import { MARKS, type Mark } from '../../kernel/marks.ts';

/**
 * What charts are told, in lists: an event travels as its place in its list. A CPU's marks keep the numbers they have in
 * `MARKS`, and the driver's events follow.
 */

/** What a CPU's chart invokes, by the ids it gives them. */
export const PROGRAMS = ['boot', 'bringUp', 'idle', 'work', 'stopper'] as const;
export type ProgramName = (typeof PROGRAMS)[number];

export type CpuChartEvent =
  | { readonly type: Mark }
  /** `power.on`, `power.off`: PSCI CPU_ON, CPU_OFF. `cpu.hung`, `cpu.stopped`: the driver gives up, or ends in good order. */
  | { readonly type: 'power.on' | 'power.off' | 'interrupt.raised' | 'cpu.hung' | 'cpu.stopped' }
  /** For a late CPU, between power.on and its feature marks: whether the system counts on BBML2_NOABORT. */
  | { readonly type: 'capabilities.known'; readonly reliesOnBbml2: boolean }
  | { readonly type: 'fault.taken'; readonly kind: FaultKind }
  | { readonly type: 'program.finished'; readonly program: ProgramName };

const FAULT_KINDS = Object.keys({
  addrsize: 0,
  translation: 0,
  accessflag: 0,
  permission: 0,
  'external-abort': 0,
  alignment: 0,
  'tlb-conflict': 0,
} satisfies Record<FaultKind, 0>) as FaultKind[];

/** Everything that a CPU's chart can be told. */
export const CPU_EVENTS: readonly CpuChartEvent[] = [
  ...MARKS.map((type) => ({ type })),
  { type: 'power.on' },
  { type: 'power.off' },
  { type: 'interrupt.raised' },
  { type: 'cpu.hung' },
  { type: 'cpu.stopped' },
  { type: 'capabilities.known', reliesOnBbml2: false },
  { type: 'capabilities.known', reliesOnBbml2: true },
  ...FAULT_KINDS.map((kind) => ({ type: 'fault.taken' as const, kind })),
  ...PROGRAMS.map((program) => ({ type: 'program.finished' as const, program })),
];

/** Numbers of the driver's events, for CPU charts. `capabilitiesKnown` at 1: the system relies on BBML2_NOABORT. */
export const CPU_EVENT = {
  powerOn: numberOf('power.on'),
  powerOff: numberOf('power.off'),
  interruptRaised: numberOf('interrupt.raised'),
  hung: numberOf('cpu.hung'),
  stopped: numberOf('cpu.stopped'),
  capabilitiesKnown: [numberOf('capabilities.known'), numberOf('capabilities.known') + 1],
  faultTaken: numbersBy(FAULT_KINDS, numberOf('fault.taken')),
  programFinished: numbersBy(PROGRAMS, numberOf('program.finished')),
} as const;

function numberOf(type: CpuChartEvent['type']): number {
  return CPU_EVENTS.findIndex((event) => event.type === type);
}

function numbersBy<Name extends string>(names: readonly Name[], first: number): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, index) => [name, first + index])) as Record<Name, number>;
}

/** The system's chart does not tell the CPUs of one group apart; it counts them. */
export const CPU_GROUPS = ['boot', 'early', 'late'] as const;
export type CpuGroup = (typeof CPU_GROUPS)[number];

const SYSTEM_DRIVER_EVENTS = ['violation.found', 'everybody.finished', 'rest.checked', 'time.over'] as const;
export type SystemDriverEvent = (typeof SYSTEM_DRIVER_EVENTS)[number];

export type SystemChartEvent =
  | { readonly type: Mark; readonly by: CpuGroup }
  | { readonly type: SystemDriverEvent; readonly by?: never };

/** Everything that the system's chart can be told. */
export const SYSTEM_EVENTS: readonly SystemChartEvent[] = [
  ...CPU_GROUPS.flatMap((by) => MARKS.map((type) => ({ type, by }))),
  ...SYSTEM_DRIVER_EVENTS.map((type) => ({ type })),
];

/** Numbers of the driver's events, for the system's chart. */
export const SYSTEM_EVENT = numbersBy(SYSTEM_DRIVER_EVENTS, CPU_GROUPS.length * MARKS.length);

/** The number, for the system's chart, of the first mark by a CPU of the group: the others follow as in `MARKS`. */
export function firstMarkBy(group: CpuGroup): number {
  return CPU_GROUPS.indexOf(group) * MARKS.length;
}

/** The lists, for whoever knows the charts only. */
export const CHART_VOCABULARY = { cpu: CPU_EVENTS, system: SYSTEM_EVENTS, programs: PROGRAMS } as const;
export type ChartVocabulary = typeof CHART_VOCABULARY;
