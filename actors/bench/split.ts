import { GiB } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { seededChooser } from '../../src/hardware/chooser.ts';
import { freeFrame } from '../../src/hardware/memory/frame.ts';
import { exchange, read } from '../../src/hardware/memory/memory.ts';
import type { Op } from '../../src/hardware/op.ts';
import { cpuOf, createMachine } from '../../src/hardware/system.ts';
import { physToVirt } from '../../src/kernel/address-space.ts';
import { boot, loadKernelImage } from '../../src/kernel/boot/boot.ts';
import { DEFAULT_CONFIG, tablePagesNeeded } from '../../src/kernel/config.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { rangeSplitToPtes } from '../../src/kernel/linear-map/split.ts';
import { entryOffset } from '../../src/kernel/tables/pagewalk.ts';
import { kernelText } from '../../src/kernel/text.ts';

/** Blocks of 2M in 1 GiB, and pages of 4K in each. */
const BLOCKS = 512;
const PAGES = BLOCKS * 512;

/**
 * Splits 1 GiB of 2M blocks by range_split_to_ptes() on one CPU, over and over: in between, the blocks are put back behind
 * the machine's back, so that table pages are warm as they are on a machine that has run for a while. Answers in millions
 * of page entries a second.
 */
export function splitGigabyte(runs: number): number[] {
  const board = { ...defaultBoard, memory: [{ base: 0x4000_0000, bytes: 4 * GiB }] };
  const machine = createMachine(board, { poolFrames: tablePagesNeeded(board) });
  const { memory } = machine;
  loadKernelImage(memory);
  const kernel = createKernel(board, machine.layout, DEFAULT_CONFIG, kernelText('6.18'));
  const cpu = cpuOf(machine, 0, { choose: seededChooser(1), controlled: false });
  run(boot(cpu, kernel));
  const pa = board.memory[0]!.base + 2 * GiB;
  const va = physToVirt(kernel.space, pa);
  const table = pmdTable();
  const blocks = Array.from({ length: BLOCKS }, (_, i) => read(memory, table + 8 * i));
  const samples: number[] = [];
  for (let i = 0; i < runs + 3; i++) {
    for (const [index, block] of blocks.entries()) {
      const before = exchange(memory, table + 8 * index, block);
      if ((before & 2n) !== 0n) freeFrame(memory, Number(before & 0x0000_ffff_ffff_f000n));
    }
    const began = performance.now();
    run(rangeSplitToPtes(cpu, kernel, va, va + GiB, 'kernel'));
    if (i >= 3) samples.push(PAGES / (performance.now() - began) / 1000);
  }
  return samples;

  /** Physical address of the table of 2M blocks for the gigabyte: its 1G block is split first. */
  function pmdTable(): number {
    run(rangeSplitToPtes(cpu, kernel, va, va + GiB, 'kernel'));
    let at = kernel.symbols.swapperPgDir;
    for (let level = kernel.space.startLevel; level < 2; level++)
      at = Number(read(memory, at + entryOffset(kernel.space, level, 0, va)) & 0x0000_ffff_ffff_f000n);
    for (let i = 0; i < BLOCKS; i++) {
      const first = read(memory, Number(read(memory, at + 8 * i) & 0x0000_ffff_ffff_f000n));
      const before = exchange(memory, at + 8 * i, first & ~2n);
      freeFrame(memory, Number(before & 0x0000_ffff_ffff_f000n));
    }
    return at;
  }
}

function run(program: Op<unknown>): void {
  while (!program.next().done);
}
