import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { promise } from '../../hardware/instruction/milestone.ts';
import { allocateFrame, FRAME_DATA } from '../../hardware/memory/frame.ts';
import type { Op } from '../../hardware/op.ts';
import { speculativeFill } from '../../hardware/translation/access.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { idleUntilOffline } from '../../kernel/boot/cpu-hotplug.ts';
import { type PageBackup, swsuspArchResume } from '../../kernel/hibernate/resume.ts';
import { safeCopyPage } from '../../kernel/hibernate/snapshot.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { kernelMapPages, linearAliasRo, linearAliasRw, validKernel } from '../../kernel/linear-map/pageattr.ts';
import { tableVa } from '../../kernel/linear-map/split.ts';
import { entryOffset } from '../../kernel/tables/pagewalk.ts';
import { PTE_ADDRESS, PTE_RDONLY, PTE_WRITE } from '../../kernel/tables/pgtable-prot.ts';
import { briefWork } from '../brief-work.ts';
import { exercise } from '../exercise.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { ableBlocks } from '../split/validity.ts';

/**
 * The system hibernates while it is in use, and is resumed. CPUs read and change the linear map until they are taken down. Pages are
 * saved that are read-only, or that debug_pagealloc has taken away; and, as the image holds everything, the table that says so. Then
 * another kernel runs for a while, which has other rights to the same pages; and over it the image is written back.
 */

/** Pages that are saved, in RAM that programs may write. Linear addresses. */
interface Pages {
  /** Read-only, and then writable in the kernel that resumes. */
  readonly protectedThen: number;
  /** Taken away, and then there. */
  readonly takenThen: number;
  /** The other way round. */
  readonly protectedNow: number;
  readonly takenNow: number;
}

function framesOf(cpu: Cpu, k: Kernel, count: number): number[] {
  return Array.from({ length: count }, () => {
    const pa = allocateFrame(cpu.memory, FRAME_DATA);
    if (pa < 0) throw new Error(`board '${k.board.name}' has no room for an image`);
    return physToVirt(k.space, pa);
  });
}

/** What the kernel that is saved says of its pages: read-only, not there. Each becomes a page of its own for that. */
function* beforeImage(cpu: Cpu, k: Kernel, pages: Pages): Op {
  mark(cpu, 'split.started');
  for (const va of Object.values(pages)) yield* store(cpu, va, BigInt.asUintN(64, BigInt(va)));
  yield* linearAliasRo(cpu, k, pages.protectedNow, 1);
  yield* linearAliasRw(cpu, k, pages.protectedNow, 1);
  yield* kernelMapPages(cpu, k, pages.takenNow, 1, false);
  yield* kernelMapPages(cpu, k, pages.takenNow, 1, true);
  yield* linearAliasRo(cpu, k, pages.protectedThen, 1);
  yield* kernelMapPages(cpu, k, pages.takenThen, 1, false);
  mark(cpu, 'split.finished');
}

/** Linux: swsusp_save(), copy_data_pages(). */
function* saveImage(cpu: Cpu, k: Kernel, addresses: readonly number[]): Op<PageBackup[]> {
  const list = framesOf(cpu, k, addresses.length).map((address, i) => ({ address, origAddress: addresses[i]! }));
  for (const { address, origAddress } of list) yield* safeCopyPage(cpu, k, address, origAddress);
  return list;
}

/** The kernel that resumes has booted with other rights, and with other contents. */
function* anotherKernel(cpu: Cpu, k: Kernel, pages: Pages): Op {
  mark(cpu, 'split.started');
  yield* linearAliasRw(cpu, k, pages.protectedThen, 1);
  yield* kernelMapPages(cpu, k, pages.takenThen, 1, true);
  for (const va of Object.values(pages)) yield* store(cpu, va, 0n);
  yield* linearAliasRo(cpu, k, pages.protectedNow, 1);
  yield* kernelMapPages(cpu, k, pages.takenNow, 1, false);
  mark(cpu, 'split.finished');
}

/** After the image is back everything is as it was saved: relied on, and then made usual. */
function* afterImage(cpu: Cpu, k: Kernel, pages: Pages): Op {
  const { pageBytes } = k.space.granule;
  const asSaved = (start: number, set: bigint, clear: bigint): void =>
    promise(cpu, 'swsusp_arch_resume', { start, end: start + pageBytes, set, clear });
  asSaved(pages.protectedThen, PTE_RDONLY, PTE_WRITE);
  asSaved(pages.takenThen, k.text.pageattr.takenAway, validKernel(k));
  asSaved(pages.protectedNow, PTE_WRITE, PTE_RDONLY);
  asSaved(pages.takenNow, validKernel(k), k.text.pageattr.takenAway);
  for (const va of [pages.protectedThen, pages.protectedNow, pages.takenNow]) yield* load(cpu, va);
  mark(cpu, 'split.started');
  yield* linearAliasRw(cpu, k, pages.protectedThen, 1);
  yield* kernelMapPages(cpu, k, pages.takenThen, 1, true);
  mark(cpu, 'split.finished');
}

/** Linear address of the table that maps `va` with pages. */
function* pteTable(cpu: Cpu, k: Kernel, va: number): Op<number> {
  const { space, symbols } = k;
  let table = symbols.swapperPgDir;
  for (let level = space.startLevel as number; level < 3; level++)
    table = Number((yield* load(cpu, tableVa(k, table) + entryOffset(space, level, 0, va))) & PTE_ADDRESS);
  return physToVirt(space, table);
}

const others = ({ board }: Kernel): number[] =>
  board.cpus.map((_, id) => id).filter((id) => id !== 0 && !board.lateCpus.includes(id));

function* hibernateAndResume(cpu: Cpu, k: Kernel): Op {
  const [protectedThen, takenThen, protectedNow, takenNow] = framesOf(cpu, k, 4) as [number, number, number, number];
  const pages: Pages = { protectedThen, takenThen, protectedNow, takenNow };
  yield* beforeImage(cpu, k, pages);
  yield* k.text.snapshot.disableSecondaryCpus(cpu, k, others(k));
  const tables = new Set<number>();
  for (const va of Object.values(pages)) tables.add(yield* pteTable(cpu, k, va));
  const list = yield* saveImage(cpu, k, [...Object.values(pages), ...tables]);
  yield* anotherKernel(cpu, k, pages);
  if ((yield* swsuspArchResume(cpu, k, list)) !== 0) throw new Error('no room for a copy of the linear map');
  yield* afterImage(cpu, k, pages);
}

/** What goes on while the system hibernates: CPU 1 changes rights, the others read. */
function* inUse(cpu: Cpu, k: Kernel): Op {
  const { pa } = moduleArea(k);
  const page = (index: number): number => physToVirt(k.space, pa + index * k.space.granule.pageBytes);
  if (cpu.id === 1 && (yield* linearAliasRo(cpu, k, page(3), 2)) === 0) yield* linearAliasRw(cpu, k, page(3), 2);
  for (const index of [2, 3, 4, 9]) yield* load(cpu, page(index));
}

const programs =
  (before: Program, check: Program) =>
  (id: number): Program =>
    id === 0 ? sequence(hibernateAndResume, check) : sequence(before, inUse, briefWork, idleUntilOffline);

/** Hardware walks where it likes: just before the copy is entered it has cached the pages as the tables have them. */
function walkedBefore(good: KernelText): KernelText {
  return {
    ...good,
    resume: {
      ...good.resume,
      *enterCopy(cpu, k, roots) {
        const { hints } = cpu;
        for (const va of hints) if (va < 0) speculativeFill(cpu, va);
        yield* good.resume.enterCopy(cpu, k, roots);
      },
    },
  };
}

export const hibernateStory: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'circumstances'> = {
  board: ableBlocks,
  kernel: { revision: '7.1', rodata: 'full' },
  programs: programs(exercise, briefWork),
  briefPrograms: programs(function* () {}, briefWork),
  circumstances: walkedBefore,
};

export const hibernate = defineScenario({
  ...hibernateStory,
  name: 'hibernate',
  summary: 'all CPUs but one go, everything is saved, and written back through a copy of the linear map',
});
