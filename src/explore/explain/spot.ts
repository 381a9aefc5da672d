import type { Cpu } from '../../hardware/cpu.ts';
import { marksSince } from '../../hardware/memory/mark-log.ts';
import type { Op, Point } from '../../hardware/op.ts';
import { idmapFlag } from '../../kernel/boot/idmap.ts';
import { type Kernel, percpuVariable, VARIABLES } from '../../kernel/kernel.ts';
import { inInterrupt } from '../../kernel/locking/preempt.ts';
import { MARKS, type Mark } from '../../kernel/marks.ts';
import type { Interleaver } from '../interleaver.ts';
import type { Lane } from '../lane.ts';

/**
 * A line of the program as a run shows it: the last milestone, and the points before and after. It is the same line on
 * every CPU that comes there, and every time that it does.
 */
export interface Spot {
  /** The CPU's last milestone; '': none. */
  readonly milestone: Mark | '';
  readonly after: string;
  readonly before: string;
  /** In a handler, which is at none of the milestones: its lines are others than those of what it interrupted. */
  readonly inInterrupt?: boolean;
  /**
   * Within a step, before the kernel announces something; nothing can wait there, and nobody else steps in. The last of the
   * milestones of that step.
   */
  readonly announced?: Mark | '';
}

/** What somebody wants to run at a spot; called whenever a CPU comes to one. */
export type AtSpot = (lane: Lane, spot: Spot) => Op | undefined;

export function keyOf({ milestone, after, before, inInterrupt }: Spot): string {
  return `${milestone}|${after}|${before}|${inInterrupt ?? false}`;
}

/** Follows every CPU of the machine from spot to spot. The machine serves nothing else from here on. */
export interface Follower {
  /** Whom to ask in the next run; undefined: nobody. */
  at: AtSpot | undefined;
  /** To be called before each run. */
  readonly reset: () => void;
  /** The CPU's last step was one of a line that has been put in. */
  readonly wasInLine: (lane: Lane) => boolean;
  /** A line is going to be put in where the CPU stands, or the CPU is in one. */
  readonly isDue: (lane: Lane) => boolean;
}

interface Track {
  next: number;
  milestone: Mark | '';
  after: string;
  /** Lines that have been put in, and whether the last step was of one. */
  readonly inserted: Set<Op>;
  inLine: boolean;
}

export function follow({ lanes }: Interleaver): Follower {
  const tracks: Track[] = lanes.map(() => ({ next: 0, milestone: '', after: '', inserted: new Set(), inLine: false }));
  const follower: Follower = {
    at: undefined,
    reset() {
      for (const track of tracks) {
        Object.assign(track, { next: 0, milestone: '', after: '', inLine: false });
        track.inserted.clear();
      }
    },
    wasInLine: ({ cpu }) => tracks[cpu.id]!.inLine,
    isDue(lane) {
      const track = tracks[lane.cpu.id]!;
      const top = lane.stack.at(-1);
      if (top !== undefined && track.inserted.has(top)) return true;
      const spot = spotOf(lane, track);
      return spot !== undefined && follower.at?.(lane, spot) !== undefined;
    },
  };
  for (const lane of lanes) {
    const track = tracks[lane.cpu.id]!;
    lane.beforeStep = () => step(lane, track, follower);
    const { observer } = lane.cpu;
    const { announced } = observer;
    Object.assign(observer, {
      announced(cpu: Cpu, name: string, start: number, end: number, asid: number | undefined) {
        const op = follower.at?.(lane, announcementSpot(cpu, track, name));
        if (op !== undefined) for (const _ of op);
        announced(cpu, name, start, end, asid);
      },
    });
  }
  return follower;
}

function step(lane: Lane, track: Track, follower: Follower): void {
  const { stack, cpu } = lane;
  const top = stack.at(-1);
  track.inLine = top !== undefined && track.inserted.has(top);
  const spot = spotOf(lane, track);
  if (spot === undefined) return;
  track.next = marksSince(cpu.markLog, track.next).next;
  track.milestone = spot.milestone;
  const op = follower.at?.(lane, spot);
  track.after = spot.before;
  if (op === undefined) return;
  track.inserted.add(op);
  track.inLine = true;
  stack.push(op);
}

/** Where the CPU stands in a program; undefined: not before an instruction of the program's own. */
function spotOf({ stack, at, cpu, kernel }: Lane, { inserted, next, milestone, after }: Track): Spot | undefined {
  const top = stack.at(-1);
  if (at === undefined || top === undefined || inserted.has(top) || STANDING_STILL.has(at.kind)) return undefined;
  return {
    milestone: marksOf(cpu, next).at(-1) ?? milestone,
    after,
    before: pointText(kernel, at),
    inInterrupt: inInterrupt(kernel) || kernel.percpu.irqThreadRuns,
  };
}

function announcementSpot(cpu: Cpu, { next, milestone, after }: Track, name: string): Spot {
  const marks = marksOf(cpu, next); // of this step so far
  return {
    milestone: marks[0] ?? milestone,
    after,
    before: `announcement of ${name}`,
    announced: marks.at(-1) ?? '',
  };
}

/** The CPU's own milestones from this position of the log on. */
function marksOf({ markLog, id }: Cpu, from: number): Mark[] {
  return marksSince(markLog, from).marks.flatMap(({ cpu, mark }) => (cpu === id ? [MARKS[mark]!] : []));
}

/** Points that are no instruction, or where the CPU sleeps. */
const STANDING_STILL: ReadonlySet<Point['kind']> = new Set(['wait', 'halt', 'preempt']);

const INSTRUCTIONS: Partial<Record<Point['kind'], string>> = {
  load: 'LDR',
  store: 'STR',
  rmw: 'LDADD',
  'fill-table': 'fill of a table',
  tlbi: 'TLBI',
  dsb: 'DSB',
  isb: 'ISB',
  msr: 'MSR',
  ipi: 'IPI',
  smc: 'SMC',
  fetch: 'branch',
  allocate: 'allocation of a table',
};

/** What a CPU is about to do, the same for the same line: variables by name, other addresses not at all. */
function pointText(k: Kernel, { kind, address }: Point): string {
  const what = INSTRUCTIONS[kind] ?? kind;
  const name = variableAt(k, address);
  return name === undefined ? what : `${what} ${name}`;
}

function variableAt(k: Kernel, va: number): string | undefined {
  if (va === idmapFlag(k)) return 'idmap_kpti_bbml2_flag, in the idmap';
  const named = VARIABLES.find((name) => k.symbols.variables[name] === va);
  if (named !== undefined) return named;
  const word = va - percpuVariable(k, 0, 'online');
  if (word < 0 || word >= k.board.cpus.length * 16) return undefined;
  return word % 16 < 8 ? 'online[]' : 'stopWork[]';
}
