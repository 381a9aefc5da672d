import { levelBytes } from '../../arch/granule.ts';
import type { Board } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { ptdumpCheckWx, ptdumpWalk } from '../../kernel/ptdump/ptdump-walk.ts';
import { pmdFreePtePage } from '../../kernel/tables/table-free.ts';
import { briefWork } from '../brief-work.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { reach, stageOf, until } from '../staging/stage.ts';
import { mapAndUnmap, mapBlock, pmdEntry, slot, vmallocArea } from './ptdump-area.ts';

/**
 * The kernel's tables are dumped, twice at once where there are CPUs for it, while one CPU puts blocks in the place of tables of
 * the vmalloc area, and frees those. The proof of that protocol, and what each piece of it is for: docs/ptdump.md.
 */

const oneBlock = boardPresets.get('one-block')!;

export const threeCpus: Board = {
  ...oneBlock,
  name: 'one-block-3',
  summary: 'three CPUs with BBML2 and tiny TLBs, a tiny kernel and one 2M block',
  cpus: Array.from({ length: 3 }, () => oneBlock.cpus[0]!),
};

/** Tables that come and go while somebody dumps them. */
export interface ComingAndGoing {
  /** What the table of a round translates first. */
  readonly place: (k: Kernel, round: number) => number;
  /** Makes the table for `va`, with nothing mapped in it that anybody wants. */
  readonly make?: (cpu: Cpu, k: Kernel, va: number) => Op;
  /** Frees it again. */
  readonly free: (cpu: Cpu, k: Kernel, va: number) => Op;
  /** A block takes its place afterwards. */
  readonly replaces?: boolean;
  /** How many, one after the other, where programs are long. */
  readonly rounds?: number;
}

const ROUNDS = 48;

/**
 * In turns. In even rounds CPU 1 has read the way to the table before it is freed, and reads the table after it was freed, or
 * when CPU 0 has to wait for it; in odd rounds it dumps after the table was freed. Four stages a round.
 */
const STAGES = 4;
const unmapped = (round: number): number => round * STAGES + 1;
const aboutToRead = (round: number): number => round * STAGES + 2;
const freedOrWaiting = (round: number): number => round * STAGES + 3;
const over = (round: number): number => round * STAGES + 4;
const roundOf = (stage: number): number => Math.floor((stage - 1) / STAGES);
const dumperIsFirst = (round: number): boolean => round % 2 === 0;

/** Where CPU 0 is about to take a lock that a dumper holds, it has to wait for it, and so must let it go on. */
export function* letDumperGoOn(cpu: Cpu, k: Kernel, lock: 'init_mm.mmap_lock' | 'mem_hotplug_lock'): Op {
  if ((yield* load(cpu, k.symbols.variables[lock])) === 0n) return;
  const stage = stageOf(cpu);
  if (stage > 0 && dumperIsFirst(roundOf(stage))) reach(cpu, freedOrWaiting(roundOf(stage)));
}

/** Any text, but the freer lets a dumper go on that it has to wait for, and a dumper waits before it goes down. */
export function inTurns(text: KernelText): KernelText {
  return {
    ...text,
    tableFree: {
      ...text.tableFree,
      *passLock(cpu, k) {
        yield* letDumperGoOn(cpu, k, 'init_mm.mmap_lock');
        yield* text.tableFree.passLock(cpu, k);
      },
    },
    ptdump: {
      ...text.ptdump,
      *beforeDescent(cpu, k, level, va) {
        yield* text.ptdump.beforeDescent(cpu, k, level, va);
        const stage = stageOf(cpu);
        if (stage === 0 || level !== 2 || cpu.id !== 1) return;
        reach(cpu, aboutToRead(roundOf(stage)));
        if (dumperIsFirst(roundOf(stage))) yield* until(cpu, freedOrWaiting(roundOf(stage)));
      },
    },
  };
}

/** CPU 0 makes tables and frees them; CPU 1 dumps, and CPU 2, if there is one, looks for W+X; all others read. */
export function programsOf({
  place,
  make = mapAndUnmap,
  free,
  replaces = true,
  rounds = ROUNDS,
}: ComingAndGoing): Pick<Scenario, 'programs' | 'briefPrograms'> {
  function* freeInTurns(cpu: Cpu, k: Kernel): Op {
    const alone = k.board.cpus.length === 1;
    for (let round = 0; round < rounds; round++) {
      const va = place(k, round);
      yield* make(cpu, k, va);
      if (dumperIsFirst(round) && !alone) {
        reach(cpu, unmapped(round));
        yield* until(cpu, aboutToRead(round));
      }
      yield* free(cpu, k, va);
      reach(cpu, dumperIsFirst(round) ? freedOrWaiting(round) : unmapped(round));
      if (!dumperIsFirst(round) && !alone) yield* until(cpu, aboutToRead(round));
      if (replaces) yield* mapBlock(cpu, k, yield* pmdEntry(cpu, k, va));
      reach(cpu, over(round));
    }
  }

  function* dumpInTurns(cpu: Cpu, k: Kernel): Op {
    for (let round = 0; round < rounds; round++) {
      yield* until(cpu, unmapped(round));
      yield* dump(cpu, k, round);
      reach(cpu, aboutToRead(round)); // where there was no table to read
    }
  }

  /** All from the first place to that of `round`. */
  const spanOf = (k: Kernel, round: number): [start: number, end: number] => [
    place(k, 0),
    place(k, round) + levelBytes(k.space.granule, 2),
  ];

  function* dump(cpu: Cpu, k: Kernel, round: number): Op {
    yield* ptdumpWalk(cpu, k, ...spanOf(k, round), () => {});
  }

  function* freeOnce(cpu: Cpu, k: Kernel): Op {
    const va = place(k, 0);
    yield* make(cpu, k, va);
    yield* elsewhere(cpu, k);
    yield* free(cpu, k, va);
    if (replaces) yield* mapBlock(cpu, k, yield* pmdEntry(cpu, k, va));
  }

  const dumpOnce: Program = (cpu, k) => dump(cpu, k, 0);
  function* checkOnce(cpu: Cpu, k: Kernel): Op {
    yield* ptdumpCheckWx(cpu, k, ...spanOf(k, 0));
  }
  /** Beside the one that goes in turns: as often as it likes. */
  function* checkAgain(cpu: Cpu, k: Kernel): Op {
    for (let round = 0; round < rounds; round++) yield* ptdumpCheckWx(cpu, k, ...spanOf(k, round));
  }

  const inTurns: readonly Program[] = [freeInTurns, dumpInTurns, checkAgain];
  const once: readonly Program[] = [freeOnce, dumpOnce, checkOnce];
  const work = (first: Program | undefined): Program => (first === undefined ? briefWork : then(first, briefWork));
  return { programs: (cpu) => work(inTurns[cpu]), briefPrograms: (cpu) => work(once[cpu]) };
}

/** Between unmapping and the next mapping time passes, in which the CPU does not synchronise its context. */
function* elsewhere(cpu: Cpu, k: Kernel): Op {
  for (const { base } of k.board.memory)
    for (let page = 0; page < 6; page++) yield* load(cpu, physToVirt(k.space, base + page * k.space.granule.pageBytes));
}

const then = (first: Program, second: Program): Program =>
  function* (cpu, k) {
    yield* first(cpu, k);
    yield* second(cpu, k);
  };

const vmallocTables: ComingAndGoing = {
  place: (k, round) => slot(k, vmallocArea(k), round),
  *free(cpu, k, va) {
    yield* pmdFreePtePage(cpu, k, yield* pmdEntry(cpu, k, va), va);
  },
};

export const vmalloc = programsOf(vmallocTables);
/** Where what comes after the free would be caught first. */
export const vmallocFreeOnly = programsOf({ ...vmallocTables, replaces: false });
/** Where each round takes its time. */
export const vmallocFewRounds = programsOf({ ...vmallocTables, rounds: 6 });

/** A scenario of this kind: the good text, in turns, but for `change`. */
export function ptdumpScenario(
  definition: Omit<ScenarioDefinition, 'board' | 'text'>,
  text?: (good: KernelText) => KernelText,
): Scenario {
  return defineScenario({ ...vmalloc, board: threeCpus, circumstances: inTurns, ...definition, ...(text && { text }) });
}

export const ptdump = ptdumpScenario({
  name: 'ptdump',
  summary:
    'tables of the vmalloc area are freed while others dump them: the key, the lock, and no reader of what is gone',
});
