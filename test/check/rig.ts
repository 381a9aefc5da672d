import {
  blockDescriptor,
  type Descriptor,
  type LeafAttributes,
  pageDescriptor,
  tableDescriptor,
} from '../../src/arch/descriptor.ts';
import { entryIndex, type Level, levelBytes } from '../../src/arch/granule.ts';
import type { TlbiName } from '../../src/arch/tlbi.ts';
import { encodeVaOperand } from '../../src/arch/tlbi-operand.ts';
import { standardProperties } from '../../src/check/standard.ts';
import type { Property, Violation } from '../../src/check/violation.ts';
import { observerOf } from '../../src/check/watch.ts';
import type { BbmClass, Board, Granule } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import type { Chance, Choose } from '../../src/hardware/chooser.ts';
import { type Cpu, resetCpu } from '../../src/hardware/cpu.ts';
import { dsb, isb } from '../../src/hardware/instruction/barrier.ts';
import { store } from '../../src/hardware/instruction/load-store.ts';
import { msr } from '../../src/hardware/instruction/system-register.ts';
import { allocateFrame, FRAME_TABLE, placeTable } from '../../src/hardware/memory/frame.ts';
import { read, wordOf } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine, type Machine } from '../../src/hardware/system.ts';
import { CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';
import { tlbi } from '../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP } from '../../src/hardware/translation/access.ts';
import { loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { tcrEl1, ttbr } from '../../src/kernel/boot/idmap.ts';
import { DEFAULT_CONFIG, type KernelConfig } from '../../src/kernel/config.ts';
import { createKernel, type Kernel } from '../../src/kernel/kernel.ts';
import { MAIR_EL1_SET } from '../../src/kernel/tables/pgtable-prot.ts';
import { kernelText } from '../../src/kernel/text.ts';

/**
 * A small machine without a kernel's boot: a few CPUs of given BBM classes that all walk one hand-made tree, watched by
 * the checks. All chance is scripted; by default nothing happens that need not.
 */
export interface Rig {
  readonly machine: Machine;
  readonly k: Kernel;
  readonly cpus: readonly Cpu[];
  readonly reports: Violation[];
  /** The tree that TTBR1 of all CPUs leads to. */
  readonly root: number;
  /** Answers to `choose`, by kind; 0 where there is none. */
  readonly script: Partial<Record<Chance, (bound: number) => number>>;
}

export interface RigOptions {
  readonly classes: readonly BbmClass[];
  readonly granule?: Granule;
  readonly properties?: readonly Property[];
  readonly config?: Partial<KernelConfig>;
}

export function rigOf({ classes, granule = '4K', properties = standardProperties, config }: RigOptions): Rig {
  const model = defaultBoard.cpus[0]!;
  const board: Board = {
    ...defaultBoard,
    name: 'rig',
    granule,
    cpus: classes.map((conflicts) => ({ ...model, conflicts, name: `a CPU of ${conflicts}` })),
  };
  const machine = createMachine(board, { poolFrames: 64 });
  loadKernelImage(machine.memory);
  const k = createKernel(board, machine.layout, { ...DEFAULT_CONFIG, ...config }, kernelText('6.18'));
  const script: Rig['script'] = {};
  const choose: Choose = (bound, kind) => script[kind]?.(bound) ?? 0;
  const reports: Violation[] = [];
  const observer = observerOf(properties, {
    kernel: k,
    report: (cpu, property, message, evidence, remedy = '') => {
      reports.push({ property, cpu: cpu.id, step: cpu.step, message, evidence, remedy });
    },
  });
  const cpus = classes.map((_, id) => cpuOf(machine, id, { choose, controlled: false, observer }));
  const root = k.symbols.swapperPgDir;
  for (const pgd of [root, k.symbols.reservedPgDir])
    placeTable(machine.memory, pgd, k.space.startLevel, k.space.pageOffset, pgd);
  placeTable(machine.memory, k.symbols.idmapPgDir, k.space.startLevel, 0, k.symbols.idmapPgDir);
  const rig: Rig = { machine, k, cpus, reports, root, script };
  for (const cpu of cpus) powerOn(rig, cpu);
  return rig;
}

/** Translation on, TTBR0 reserved, TTBR1 the tree. */
export function powerOn({ k, root }: Rig, cpu: Cpu): void {
  resetCpu(cpu);
  Atomics.store(cpu.words, CPU_POWER, 1);
  run(msr(cpu, 'MAIR_EL1', MAIR_EL1_SET));
  run(msr(cpu, 'TCR_EL1', tcrEl1(k)));
  run(msr(cpu, 'TTBR0_EL1', ttbr(k.symbols.reservedPgDir)));
  run(msr(cpu, 'TTBR1_EL1', ttbr(root)));
  run(isb(cpu));
  run(tlbi(cpu, 'vmalle1'));
  run(dsb(cpu, 'nsh'));
  run(msr(cpu, 'SCTLR_EL1', 1n));
  run(isb(cpu));
}

/** Runs to the end, or to what the CPU waits for or died of: its reason. */
export function run<T>(op: Op<T>): T | string {
  const step = op.next();
  return step.done === true ? step.value : `${step.value.kind}: ${step.value.reason}`;
}

/** A table that hangs nowhere yet, all entries invalid; `entries` fills it. */
export function newTable({ machine: { memory } }: Rig, entry: (index: number) => bigint = () => 0n): number {
  const pa = allocateFrame(memory, FRAME_TABLE);
  const first = wordOf(memory, pa);
  for (let i = 0; i < memory.pageBytes / 8; i++) memory.words[first + i] = entry(i);
  return pa;
}

/** Physical address of the entry for `va` at `level`; the tables down to it are made if need be, before anybody looks. */
export function entryAt(rig: Rig, va: number, level: number, root = rig.root): number {
  const { machine, k } = rig;
  const { memory } = machine;
  let table = root;
  for (let at = k.space.startLevel as number; ; at++) {
    const entry = table + entryIndex(k.space.granule, at as Level, va, k.space.vaBits) * 8;
    if (at === level) return entry;
    const value = read(memory, entry);
    if ((value & 3n) === 3n) table = Number(value & 0x0000_ffff_ffff_f000n);
    else {
      table = newTable(rig);
      memory.words[wordOf(memory, entry)] = tableDescriptor(table);
      const bytes = levelBytes(k.space.granule, at);
      placeTable(memory, table, at + 1, Math.floor(va / bytes) * bytes, root);
    }
  }
}

/** Puts a value there without anybody noticing: the state before the test. */
export function put({ machine: { memory } }: Rig, entry: number, value: bigint): void {
  memory.words[wordOf(memory, entry)] = value;
}

const KERNEL: Partial<LeafAttributes> = { AF: 1, SH: 3, DBM: 1, PXN: 1, UXN: 1 };

export function block(pa: number, attributes: Partial<LeafAttributes> = {}): Descriptor {
  return blockDescriptor(pa, { ...KERNEL, ...attributes });
}

export function page(pa: number, attributes: Partial<LeafAttributes> = {}): Descriptor {
  return pageDescriptor(pa, { ...KERNEL, ...attributes });
}

/** A table of `level` with the leaves of a block that maps `pa`, one of them changed by `edit`. */
export function leafTable(
  rig: Rig,
  level: number,
  pa: number,
  attributes: Partial<LeafAttributes> = {},
  edit?: [number, bigint],
): bigint {
  const bytes = levelBytes(rig.k.space.granule, level);
  const leaf = level === 3 ? page : block;
  const table = newTable(rig, (i) => (edit?.[0] === i ? edit[1] : leaf(pa + i * bytes, attributes)));
  return tableDescriptor(table);
}

/** A store to a table word; nobody but this CPU sees it yet. */
export function write(cpu: Cpu, entry: number, value: bigint): void {
  run(store(cpu, FIXMAP + entry, value));
}

/** ... and now walkers do. */
export function change(cpu: Cpu, entry: number, value: bigint): void {
  write(cpu, entry, value);
  run(dsb(cpu, 'ishst'));
}

/** TLBI by address (or of everything), and the DSB that completes it. */
export function flush(cpu: Cpu, name: TlbiName, va = 0): void {
  run(dsb(cpu, 'ishst'));
  run(tlbi(cpu, name, encodeVaOperand(va)));
  run(dsb(cpu, 'ish'));
  run(isb(cpu));
}

export function said({ reports }: Rig): string[] {
  return reports.map(({ property }) => property);
}
