import { tableDescriptor } from '../../src/arch/descriptor.ts';
import { entryIndex, GRANULE_4K, type Level } from '../../src/arch/granule.ts';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { type Barrier, dsb } from '../../src/hardware/instruction/barrier.ts';
import { compareAndSwap, load, loadAdd, store } from '../../src/hardware/instruction/load-store.ts';
import { derivedValue, exchange, type Memory, read } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { tlbi } from '../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP } from '../../src/hardware/translation/access.ts';
import { type Kernel, VARIABLES, variablePa } from '../../src/kernel/kernel.ts';
import { leaf, translateBy } from '../hardware/small-machine.ts';

/**
 * Small programs as data, and the one generator that runs them, whoever drives it. They know a few plain words, which all
 * see at once; two entries of two page tables, whose stores are buffered; and a page that CPUs may load through while its
 * entry comes to lead elsewhere.
 */
export type Instruction =
  | { readonly does: 'load' | 'store' | 'loadAdd' | 'compareAndSwap'; readonly word: number }
  | { readonly does: 'loadEntry' | 'storeEntry'; readonly entry: number }
  | { readonly does: 'dsb'; readonly barrier: Barrier }
  /** Loads through the page; makes its entry lead to the other page; TLBI VAE1IS of it. */
  | { readonly does: 'loadPage' | 'remap' | 'tlbi' };

/** What each CPU does. */
export type SmallProgram = readonly (readonly Instruction[])[];

/**
 * What is deliberately wrong with an interpreter: a CPU does not see its own buffered stores; it does two neighbours in the
 * other order; it forgets its TLBIs; `none`.
 */
export type Twist = 'none' | 'no-forwarding' | 'swapped' | 'no-tlbi';

export const WORDS = 2;
export const ENTRIES = 2;
export const MOST_CPUS = 3;

/** Where the page is mapped, and its tables from the root down to that of its entry. */
const PAGE_VA = 2 ** 30 + 5 * 4096;
const FIRST_TABLE = ENTRIES;
const LEVELS = 4;

const MAPPING: ReadonlySet<Instruction['does']> = new Set(['loadPage', 'remap', 'tlbi']);

export function isMapped(program: SmallProgram): boolean {
  return program.some((cpu) => cpu.some(({ does }) => MAPPING.has(does)));
}

/** A board with as many CPUs and little else; a third buffered store makes another one leave. */
export function boardOf(cpus: number): Board {
  const board = resizedBoard(boardPresets.get('one-block')!, { cpus });
  return { ...board, cpus: board.cpus.map((cpu) => ({ ...cpu, storeBuffer: { entries: 2 } })) };
}

/** Maps the page; the loader has done the rest. */
export function prepare({ memory }: { readonly memory: Memory }, k: Kernel): void {
  for (let level = 0; level < LEVELS; level++) {
    const below = k.symbols.idmapTables[FIRST_TABLE + level + 1]!;
    const entry = level === LEVELS - 1 ? leafTo(k, 0) : tableDescriptor(below);
    exchange(memory, entryOfLevel(k, level as Level), entry);
  }
}

function entryOfLevel(k: Kernel, level: Level): number {
  return k.symbols.idmapTables[FIRST_TABLE + level]! + 8 * entryIndex(GRANULE_4K, level, PAGE_VA, 48);
}

const leafTo = (k: Kernel, which: 0 | 1): bigint => leaf(pagePa(k, which), 3);
const pagePa = (k: Kernel, which: 0 | 1): number => k.board.memory[1]!.base + which * 4096;

/** All that a small program may change, by physical address. */
function cells(k: Kernel): number[] {
  const words = Array.from({ length: WORDS }, (_, which) => variablePa(k, VARIABLES[which]!));
  return [...words, ...k.symbols.idmapTables.slice(0, ENTRIES), entryOfLevel(k, 3)];
}

/** As `prepare` left it. */
export function restore(memory: Memory, k: Kernel): void {
  for (const pa of cells(k)) exchange(memory, pa, 0n);
  exchange(memory, entryOfLevel(k, 3), leafTo(k, 0));
}

/** What memory holds, in words. */
export function memoryText(memory: Memory, k: Kernel): string {
  return cells(k)
    .map((pa) => read(memory, pa))
    .map((value) => (value === leafTo(k, 0) ? 'one' : value === leafTo(k, 1) ? 'other' : value))
    .join(' ');
}

/** One CPU's part. What it sees goes to `registers`. Every store has a value of its own. */
export function* interpret(cpu: Cpu, k: Kernel, program: SmallProgram, registers: number[], twist: Twist = 'none'): Op {
  const mapped = isMapped(program);
  if (mapped) translateBy(cpu, k.symbols.reservedPgDir, k.symbols.idmapTables[FIRST_TABLE]!);
  // Where translation is on, the CPU reaches words and tables through fixmap slots of its own.
  const window = mapped ? FIXMAP : 0;
  for (const [at, instruction] of inOrder(program[cpu.id]!, twist).entries())
    yield* execute(cpu, k, instruction, BigInt(cpu.id * 8 + at + 1), window, registers, twist);
}

function inOrder(instructions: readonly Instruction[], twist: Twist): readonly Instruction[] {
  const [first, second, ...rest] = instructions;
  return twist === 'swapped' && first !== undefined && second !== undefined ? [second, first, ...rest] : instructions;
}

function* execute(
  cpu: Cpu,
  k: Kernel,
  instruction: Instruction,
  value: bigint,
  window: number,
  registers: number[],
  twist: Twist,
): Op {
  switch (instruction.does) {
    case 'load':
      registers.push(Number(yield* load(cpu, wordVa(k, instruction.word, window))));
      return;
    case 'store':
      yield* store(cpu, wordVa(k, instruction.word, window), value);
      return;
    case 'loadAdd':
      registers.push(Number(yield* loadAdd(cpu, wordVa(k, instruction.word, window), value * 32n)));
      return;
    case 'compareAndSwap':
      registers.push(Number(yield* compareAndSwap(cpu, wordVa(k, instruction.word, window), 0n, value)));
      return;
    case 'loadEntry':
      if (twist === 'no-forwarding')
        registers.push(Number(read(cpu.memory, k.symbols.idmapTables[instruction.entry]!)));
      else registers.push(Number(yield* load(cpu, window + k.symbols.idmapTables[instruction.entry]!)));
      return;
    case 'storeEntry':
      yield* store(cpu, window + k.symbols.idmapTables[instruction.entry]!, value);
      return;
    case 'dsb':
      yield* dsb(cpu, instruction.barrier);
      return;
    case 'loadPage':
      registers.push(pageOf(k, yield* load(cpu, PAGE_VA)));
      return;
    case 'remap':
      yield* store(cpu, window + entryOfLevel(k, 3), leafTo(k, 1));
      return;
    case 'tlbi':
      if (twist !== 'no-tlbi') yield* tlbi(cpu, 'vae1is', encodeVaOperand(PAGE_VA));
  }
}

const wordVa = (k: Kernel, which: number, window: number): number => window + variablePa(k, VARIABLES[which]!);

/** The pages hold what RAM holds that nobody has written to: which of them was read. */
function pageOf(k: Kernel, value: bigint): 0 | 1 {
  const which = ([0, 1] as const).find((page) => derivedValue(pagePa(k, page)) === value);
  if (which === undefined) throw new Error(`a load through the page saw ${value}`);
  return which;
}
