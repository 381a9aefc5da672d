import type { Granule } from '../../src/hardware/board/board.ts';
import { defaultBoard } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { cpuModels } from '../../src/hardware/board/cpu-models.ts';
import { read, wordOf } from '../../src/hardware/memory/memory.ts';
import { virtToPhys } from '../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../src/kernel/boot/cpufeature.ts';
import { contPtes } from '../../src/kernel/user/contpte.ts';
import { cpuSwitchMm, type Mm, mmAlloc, pteAllocMap } from '../../src/kernel/user/mm.ts';
import { folioPte, USER_VA } from '../../src/scenario/user/user-folio.ts';
import { type Booted, bootCpu, complete } from './boot-cpu.ts';

/** A CPU that runs in a process of which nothing is mapped yet, but for the tables around `USER_VA`. */
export interface Process extends Booted {
  readonly mm: Mm;
  readonly group: number;
  /** Mm, address and entry of a page: what most functions of the kernel ask for. */
  readonly at: (page: number) => [mm: Mm, va: number, ptep: number];
  /** What stands in memory for that page, and how to put something there that nobody has stored. */
  readonly entry: (page: number) => bigint;
  readonly put: (page: number, pte: bigint) => void;
  /** The entry that maps a page of the process's folio. */
  readonly pte: (page: number) => bigint;
}

export interface ProcessOptions {
  readonly granule?: Granule;
  /** Has BBML2; without it the part is an A520. */
  readonly able?: boolean;
  readonly hafdbs?: 0 | 1 | 2;
  readonly tlbiRange?: boolean;
  readonly ttl?: boolean;
}

export function startProcess({ granule = '4K', able = true, ...features }: ProcessOptions = {}): Process {
  const model = cpuModels[able ? 'cortex-x4-r0p3' : 'cortex-a520'];
  const board = resizedBoard(defaultBoard, { cpus: 1, memoryBytes: 2 ** 28, granule });
  const cpus = [{ ...model, features: { ...model.features, ...features } }];
  const booted = bootCpu({ ...board, cpus });
  const { cpu, k, memory } = booted;
  complete(finaliseSystemCapabilities(cpu, k));
  const mm = complete(mmAlloc(cpu, k));
  const first = complete(pteAllocMap(cpu, k, mm, USER_VA));
  complete(cpuSwitchMm(cpu, k, mm));
  const pa = virtToPhys(k.space, first);
  return {
    ...booted,
    mm,
    group: contPtes(k),
    at: (page) => [mm, USER_VA + page * k.space.granule.pageBytes, first + 8 * page],
    entry: (page) => read(memory, pa + 8 * page),
    put: (page, pte) => {
      memory.words[wordOf(memory, pa + 8 * page)] = pte;
    },
    pte: (page) => folioPte(k, 0, page),
  };
}
