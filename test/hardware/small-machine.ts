import {
  blockDescriptor,
  INVALID,
  isValid,
  type LeafAttributes,
  pageDescriptor,
  tableAddress,
  tableDescriptor,
} from '../../src/arch/descriptor.ts';
import { pack } from '../../src/arch/field.ts';
import { entryIndex, GRANULE_4K, type Level, levelBytes } from '../../src/arch/granule.ts';
import { SCTLR_EL1, TCR_EL1, TTBR_EL1 } from '../../src/arch/registers.ts';
import type { Board, CpuModel } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import type { Chance, Choose } from '../../src/hardware/chooser.ts';
import { type Cpu, resetCpu } from '../../src/hardware/cpu.ts';
import { allocateFrame, FRAME_DATA, FRAME_TABLE, placeTable } from '../../src/hardware/memory/frame.ts';
import { exchange, type Memory, read } from '../../src/hardware/memory/memory.ts';
import { nobody, type Observer } from '../../src/hardware/observer.ts';
import type { Op, Point } from '../../src/hardware/op.ts';
import { cpuOf, createMachine, type Machine, type MachineSize } from '../../src/hardware/system.ts';

/** The first address of the kernel's half. */
export const KERNEL = -(2 ** 48);
export const PAGE = 4096;
export const MIB2 = 2 ** 21;
export const GIB = 2 ** 30;

/** What each kind of chance answers; 0, the tame answer, where nothing is said. */
export type Chances = { [kind in Chance]?: number | ((bound: number) => number) };

export function chancesAre(chances: Chances): Choose {
  return (bound, kind) => {
    const answer = chances[kind] ?? 0;
    return (typeof answer === 'number' ? answer : answer(bound)) % bound;
  };
}

/**
 * Runs `body` once for every sequence of answers that chance can give, and collects what it returned. `body` builds
 * everything it uses afresh.
 */
export function everyChance<T>(body: (choose: Choose) => T): Set<T> {
  const results = new Set<T>();
  let script: { answer: number; bound: number }[] = [];
  for (;;) {
    let asked = 0;
    results.add(
      body((bound) => {
        if (asked === script.length) script.push({ answer: 0, bound });
        return script[asked++]!.answer;
      }),
    );
    script = script.slice(0, asked);
    while (script.length > 0 && script.at(-1)!.answer + 1 === script.at(-1)!.bound) script.pop();
    if (script.length === 0) return results;
    script.at(-1)!.answer++;
  }
}

export interface SmallMachine extends Machine {
  readonly cpus: readonly Cpu[];
  /** Physical address of the kernel's root table. */
  readonly root: number;
}

export interface SmallMachineOptions extends Partial<MachineSize> {
  readonly cpus?: number;
  readonly model?: Partial<CpuModel>;
  readonly chances?: Chances;
  readonly choose?: Choose;
  readonly observer?: Partial<Observer>;
  readonly relax?: (spins: number) => void;
}

/** 64 MiB, a root table for the kernel's half, and CPUs that translate by it: two of them, with BBML2 and no abort. */
export function smallMachine(options: SmallMachineOptions = {}): SmallMachine {
  const tiny = boardPresets.get('tiny-2')!;
  const model: CpuModel = {
    ...tiny.cpus[0]!,
    tlb: { entries: 64, ways: 4 },
    walkCache: { entries: 16 },
    storeBuffer: { entries: 8 },
    ...options.model,
  };
  const board: Board = { ...tiny, cpus: Array.from({ length: options.cpus ?? 2 }, () => model) };
  const machine = createMachine(board, { poolFrames: 64, ...options });
  const root = newTable(machine.memory);
  placeTable(machine.memory, root, 0, KERNEL, root);
  return { ...machine, cpus: board.cpus.map((_, id) => powerOn(machine, root, id, options)), root };
}

/** CPU `id` of the machine with translation on: what its own thread calls. */
export function powerOn(machine: Machine, root: number, id: number, options: SmallMachineOptions = {}): Cpu {
  const cpu = cpuOf(machine, id, {
    choose: options.choose ?? chancesAre(options.chances ?? {}),
    controlled: false,
    observer: { ...nobody, ...options.observer },
    ...(options.relax && { relax: options.relax }),
  });
  resetCpu(cpu);
  cpu.credit = Number.MAX_SAFE_INTEGER;
  translateBy(cpu, root);
  return cpu;
}

/** Both halves in force at once, as after MSR and ISB. `root0`: the user's half, if it has one. */
export function translateBy(cpu: Cpu, root: number, root0 = 0, asid = 0): void {
  cpu.sysregs = {
    TCR_EL1: pack(TCR_EL1, { T0SZ: 16, EPD0: root0 === 0 ? 1 : 0, T1SZ: 16, TG1: GRANULE_4K.TG1, IPS: 5, AS: 1 }),
    TTBR0_EL1: pack(TTBR_EL1, { BADDR: root0 / 2, ASID: asid }),
    TTBR1_EL1: pack(TTBR_EL1, { BADDR: root / 2 }),
    MAIR_EL1: 0x44_ffn,
    SCTLR_EL1: pack(SCTLR_EL1, { M: 1 }),
  };
  cpu.regime0 = cpu.regimes(cpu.sysregs, 0);
  cpu.regime1 = cpu.regimes(cpu.sysregs, 1);
  cpu.mmuOn = true;
}

/** A fresh table, all entries invalid. */
export function newTable(memory: Memory): number {
  const pa = allocateFrame(memory, FRAME_TABLE);
  for (let offset = 0; offset < PAGE; offset += 8) exchange(memory, pa + offset, INVALID);
  return pa;
}

export function newData(memory: Memory, value: bigint): number {
  const pa = allocateFrame(memory, FRAME_DATA);
  for (let offset = 0; offset < PAGE; offset += 8) exchange(memory, pa + offset, value);
  return pa;
}

/** Physical address of the entry at `level` that translates `va`; tables above it are made as they are missed. */
export function entryOf(memory: Memory, root: number, va: number, level: Level): number {
  let table = root;
  for (let at: Level = 0; ; at = (at + 1) as Level) {
    const entry = table + 8 * entryIndex(GRANULE_4K, at, va, 48);
    if (at === level) return entry;
    const word = read(memory, entry) as Parameters<typeof isValid>[0];
    table = isValid(word) ? tableAddress(word, GRANULE_4K) : newTable(memory);
    if (!isValid(word)) exchange(memory, entry, tableDescriptor(table));
  }
}

/** A global page or block of normal memory, writable, not executable. */
export function leaf(pa: number, level: Level, attributes: Partial<LeafAttributes> = {}): bigint {
  const all = { AF: 1, SH: 3, PXN: 1, UXN: 1, ...attributes };
  return level === 3 ? pageDescriptor(pa, all) : blockDescriptor(pa, all);
}

/** Maps `va` at `level` behind the backs of all CPUs; returns where the entry lies. */
export function map(
  { memory, root }: Pick<SmallMachine, 'memory' | 'root'>,
  va: number,
  pa: number,
  level: Level = 3,
  attributes: Partial<LeafAttributes> = {},
): number {
  const entry = entryOf(memory, root, va, level);
  exchange(memory, entry, leaf(pa - (pa % levelBytes(GRANULE_4K, level)), level, attributes));
  return entry;
}

/** A page of data at KERNEL that both CPUs can reach. */
export function sharedPage(value: bigint): { a: Cpu; b: Cpu; page: number } {
  const machine = smallMachine();
  const page = newData(machine.memory, value);
  map(machine, KERNEL, page);
  const [a, b] = machine.cpus as [Cpu, Cpu];
  return { a, b, page };
}

/** Runs an operation that is not expected to wait, and answers what it returned. */
export function run<T>(op: Op<T>): T {
  const step = op.next();
  if (step.done) return step.value;
  throw new Stopped(step.value);
}

/** Why `run` did not finish. */
export class Stopped extends Error {
  readonly point: Point;
  constructor(point: Point) {
    super(`${point.kind}: ${point.reason}`);
    this.point = { ...point };
  }
}

/** The point at which an operation that cannot finish stops. */
export function pointOf<T>(op: Op<T>): Point {
  try {
    run(op);
  } catch (stopped) {
    if (stopped instanceof Stopped) return stopped.point;
    throw stopped;
  }
  throw new Error('nothing stopped it');
}
