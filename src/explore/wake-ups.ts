import type { StuckCpu, WakeUp } from '../check/progress/progress.ts';
import type { PointKind } from '../hardware/op.ts';
import { CPU_IRQ_PENDING } from '../hardware/tlbi/dvm.ts';
import { actOf, cpuOfActor, STEP } from './decide.ts';
import type { Interleaver } from './interleaver.ts';
import { type Lane, stuck } from './lane.ts';
import { Diverged } from './replay.ts';
import type { Acted } from './scheduler.ts';

/**
 * Who waits for what now that nobody can go on, and what became of their wake-ups: for that the run is made once more, by
 * `again`, and watched. A program that does something else the second time is not watched but told as it stands.
 */
export function whoWaits(
  on: Pick<Interleaver, 'machine' | 'lanes'>,
  again: (watch: Acted) => { readonly stuck: boolean },
): StuckCpu[] {
  const { lanes } = on;
  const stands = lanes.map(stuck);
  if (lanes.some(({ beforeStep }) => beforeStep !== undefined)) return stands; // who tries out a line does so once
  const wakeUps = watchWakeUps(on);
  try {
    return again(wakeUps.acted).stuck ? lanes.map((lane) => ({ ...stuck(lane), wakeUp: wakeUps.of(lane) })) : stands;
  } catch (thrown) {
    if (thrown instanceof Diverged) return stands;
    throw thrown;
  } finally {
    wakeUps.end();
  }
}

/**
 * Watches a run for who looks where, who wakes whom, and who waits since when. Whoever waits in the end had either been woken
 * after it looked, and will never know; or nobody has sent it anything since.
 */
interface WakeUps {
  readonly acted: Acted;
  /** Of a CPU that waits; undefined: it does not. */
  readonly of: (lane: Lane) => WakeUp | undefined;
  /** Stops watching. */
  readonly end: () => void;
}

/** `at`: how many acts there had been; `step`: the last record of the trace then. */
interface Moment {
  readonly at: number;
  readonly step: number;
}

interface Look extends Moment {
  /** Virtual address, and which 64-bit word of the machine it is. */
  readonly address: number;
  readonly word: number;
}

/** By whom, and when it could be seen. */
interface Sent extends Moment {
  readonly by: number;
}

/** One program of a CPU: what it stands before, what it looked at last, and at what other word before that. */
interface Standing {
  kind: PointKind | undefined;
  address: number;
  look: Look | undefined;
  lookBefore: Look | undefined;
}

/** What is known of one CPU: its programs, innermost last (there may be none), since when it waits, who interrupted it last. */
interface Watched {
  readonly programs: Standing[];
  waits: Moment | undefined;
  interrupt: Sent | undefined;
}

function watchWakeUps({ machine: { memory }, lanes }: Pick<Interleaver, 'machine' | 'lanes'>): WakeUps {
  const before = memory.watcher;
  const watched = lanes.map((): Watched => ({ programs: [], waits: undefined, interrupt: undefined }));
  /** By 64-bit word, then by CPU: its last store to it. */
  const stores = new Map<number, Sent[]>();
  let at = 0;
  let wrote: number[] = [];
  let read = -1;
  memory.watcher = {
    read: (word) => {
      read = word;
    },
    wrote: (word) => wrote.push(word),
  };

  return {
    acted(actor) {
      const id = cpuOfActor(actor);
      const lane = lanes[id]!;
      const now = { at: ++at, step: lane.cpu.step };
      for (const word of wrote) storesTo(word)[id] = { ...now, by: id };
      wrote = [];
      if (actOf(actor) === STEP) stepped(watched[id]!, lane, now);
    },
    of(lane) {
      const { programs, waits, interrupt } = watched[lane.cpu.id]!;
      if (lane.at?.kind !== 'wait' || waits === undefined) return undefined;
      const { look, lookBefore } = programs.at(-1)!;
      const forInterrupt = lane.at.word === wordOfInterrupts(lane);
      const awaited = lane.at.word >> 1;
      const sent = forInterrupt ? interrupt : lastOfOthers(awaited, lane.cpu.id);
      const since = (looked: Look | undefined, one: Sent | undefined): boolean =>
        one !== undefined && one.at > (looked?.at ?? 0);
      // Who waits for a word has mostly looked at that last, to see it change: what it decided by, it looked at before.
      const decidedBy = look?.word === awaited ? lookBefore : look;
      const missed = since(look, sent) ? look : decidedBy;
      const changed = missed === look || since(missed, lastOfOthers(missed?.word ?? -1, lane.cpu.id));
      if (sent === undefined || !changed || !since(missed, sent)) return { kind: 'never' };
      return {
        kind: 'lost',
        by: sent.by,
        step: sent.step,
        sent: forInterrupt ? 'an interrupt' : 'a store',
        looked: missed?.address,
        tooEarly: sent.at < waits.at,
      };
    },
    end() {
      memory.watcher = before;
    },
  };

  /** An interrupt comes before what its CPU stood before; that is done when the interrupt's own program has ended. */
  function stepped(cpu: Watched, { at: point, stack, cpu: { id } }: Lane, now: Moment): void {
    const { programs } = cpu;
    const top = programs.at(-1);
    const interrupted = stack.length > programs.length || (stack.length === programs.length && point === undefined);
    if (top !== undefined && !interrupted) {
      if (top.kind === 'load') {
        if (top.look?.word !== read) top.lookBefore = top.look;
        top.look = { ...now, address: top.address, word: read };
      }
      if (top.kind === 'ipi') watched[top.address]!.interrupt = { ...now, by: id };
    }
    while (programs.length < stack.length)
      programs.push({ kind: undefined, address: 0, look: undefined, lookBefore: undefined });
    programs.length = stack.length;
    if (point === undefined) return;
    Object.assign(programs.at(-1)!, { kind: point.kind, address: point.address });
    if (point.kind === 'wait') cpu.waits = now;
  }

  function storesTo(word: number): Sent[] {
    const known = stores.get(word) ?? [];
    stores.set(word, known);
    return known;
  }

  function lastOfOthers(word: number, self: number): Sent | undefined {
    let last: Sent | undefined;
    for (const sent of storesTo(word))
      if (sent !== undefined && sent.by !== self && sent.at > (last?.at ?? 0)) last = sent;
    return last;
  }
}

function wordOfInterrupts({ cpu }: Lane): number {
  return (cpu.words.byteOffset >> 2) + CPU_IRQ_PENDING;
}
