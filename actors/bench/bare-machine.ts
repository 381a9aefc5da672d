import { pageDescriptor, tableDescriptor } from '../../src/arch/descriptor.ts';
import { type Board, GiB } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import { type Cpu, resetCpu } from '../../src/hardware/cpu.ts';
import { allocateFrame, claimImageFrame, FRAME_TABLE } from '../../src/hardware/memory/frame.ts';
import { exchange } from '../../src/hardware/memory/memory.ts';
import { cpuOf, createMachine, type Machine } from '../../src/hardware/system.ts';
import { CPU_POWER } from '../../src/hardware/tlbi/dvm.ts';

/** A machine without a kernel: one four-level tree of pages, and CPUs that translate by it. For benchmarks. */

/** Where the pages start: the bottom of a 48-bit TTBR1 half. */
export const BASE_VA = -(2 ** 48);
export const BASE_PA = 0x4000_0000;
/** 128 MiB of 4K pages: 64 last-level tables. */
export const TABLES = 64;
export const PAGES = TABLES * 512;

const TCR = 0x5b5503510n;
const MAIR = 0x40044ffffn;

/** `cpus` copies of the default board's boot CPU on one board; `walkCacheEntries`: instead of its own number of them. */
export function bareMachine(cpus: number, walkCacheEntries = defaultBoard.cpus[0]!.walkCache.entries): Machine {
  const boot = { ...defaultBoard.cpus[0]!, walkCache: { entries: walkCacheEntries } };
  const board: Board = {
    ...defaultBoard,
    name: 'bare',
    memory: [{ base: BASE_PA, bytes: GiB }],
    cpus: Array.from({ length: cpus }, () => boot),
  };
  const machine = createMachine(board, { poolFrames: TABLES + 16 });
  const { memory } = machine;
  const table = (): number => allocateFrame(memory, FRAME_TABLE);
  const root = claimImageFrame(memory, 0, FRAME_TABLE);
  const [l1, l2] = [table(), table()];
  exchange(memory, root, tableDescriptor(l1));
  exchange(memory, l1, tableDescriptor(l2));
  for (let t = 0; t < TABLES; t++) {
    const l3 = table();
    exchange(memory, l2 + 8 * t, tableDescriptor(l3));
    for (let i = 0; i < 512; i++) {
      const pa = BASE_PA + (t * 512 + i) * 4096;
      exchange(memory, l3 + 8 * i, pageDescriptor(pa, { AF: 1, SH: 3, AttrIndx: 1, PXN: 1, UXN: 1, DBM: 1 }));
    }
  }
  return machine;
}

/** CPU `id` of a bare machine, powered, with the tree in TTBR1. */
export function bareCpu(machine: Machine, id: number): Cpu {
  const cpu = cpuOf(machine, id, { choose: seededChooser(id + 1), controlled: false });
  resetCpu(cpu);
  cpu.words[CPU_POWER] = 1;
  const root = BigInt(machine.memory.imagePa);
  cpu.sysregs = { TCR_EL1: TCR, TTBR0_EL1: root, TTBR1_EL1: root, MAIR_EL1: MAIR, SCTLR_EL1: 1n };
  cpu.regime1 = cpu.regimes(cpu.sysregs, 1);
  cpu.regime0 = cpu.regimes(cpu.sysregs, 0);
  cpu.mmuOn = true;
  return cpu;
}
