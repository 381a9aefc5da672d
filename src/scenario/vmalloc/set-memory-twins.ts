import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { setEntry } from '../../kernel/tables/lazy-mmu.ts';
import { PAGE_KERNEL_ROX, PTE_CONT } from '../../kernel/tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../../kernel/tables/tlbflush.ts';
import { walkKernelPageTableRangeLockless } from '../../kernel/tables/walk-range.ts';
import { type SetMemoryText, setMemoryX } from '../../kernel/vmalloc/set-memory.ts';
import { VM_ALLOC, type VmStruct } from '../../kernel/vmalloc/vm-area.ts';
import { vmalloc } from '../../kernel/vmalloc/vmalloc.ts';
import { defineScenario, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { fourBlocks } from './area-ram.ts';
import { inTurns, kprobe, module, pageOfGroup, partOfBlock, type Turn } from './set-memory.ts';

/** What goes wrong where permissions of vmalloc areas change. */

function twin({
  turns,
  ...definition
}: Omit<ScenarioDefinition, 'board'> & { readonly turns: readonly Turn[] }): Scenario {
  return defineScenario({
    ...definition,
    board: fourBlocks,
    programs: inTurns(turns),
    name: `set-memory/${definition.name}`,
  });
}

export const kprobeAliasWritable = twin({
  name: 'kprobe-alias-writable',
  summary:
    'the page of a kprobe is allocated executable, and set_memory_rox() never comes by: its linear alias stays writable',
  expect: 'write-xor-execute',
  turns: [kprobe],
  text: (good) => ({
    ...good,
    kprobes: {
      ...good.kprobes,
      *allocInsnPage(cpu, k, pa) {
        return yield* vmalloc(cpu, k, { bytes: k.space.granule.pageBytes, prot: PAGE_KERNEL_ROX, pa });
      },
    },
  }),
});

export const windowLeftOpen = twin({
  name: 'window-left-open',
  summary:
    'code that has been patched becomes executable again, but not read-only: it and its linear alias stay writable',
  expect: 'write-xor-execute',
  turns: [kprobe, module],
  text: (good) => ({ ...good, execmem: { ...good.execmem, restoreRox: setMemoryX } }),
});

/** Before 6.16: whatever has been allocated may be changed, in whatever sizes it is mapped. */
function* refusesNothingHuge(_cpu: Cpu, _k: Kernel, { flags }: VmStruct): Op<boolean> {
  return (flags & VM_ALLOC) === 0;
}

const hugeNotRefused = (good: KernelText, other: Partial<SetMemoryText> = {}): KernelText => ({
  ...good,
  setMemory: { ...good.setMemory, refuses: refusesNothingHuge, ...other },
});

export const partOfBlockNotRefused = twin({
  name: 'part-of-block-not-refused',
  summary:
    'a part of a block is to be read-only where blocks may not be split: the linear aliases are already, when it fails',
  expect: 'warn',
  kernel: { revision: '7.1' },
  turns: [partOfBlock],
  text: (good) => hugeNotRefused(good),
});

export const pageOfGroupNotRefused = twin({
  name: 'page-of-group-not-refused',
  summary: 'one page of a live contiguous group becomes read-only, while CPUs without BBML1 may hold the group whole',
  expect: 'bbm',
  turns: [pageOfGroup],
  text: (good) => hugeNotRefused(good),
});

export const pageOfGroupByItself = twin({
  name: 'page-of-group-by-itself',
  summary:
    'one page of a live contiguous group goes through break-before-make by itself: the others still speak for the whole group',
  expect: 'conflict',
  turns: [pageOfGroup],
  text: (good) =>
    hugeNotRefused(good, {
      *change(cpu, k, start, bytes, set, clear) {
        return yield* walkKernelPageTableRangeLockless(cpu, k, start, start + bytes, {
          *blockEntry() {
            return 0;
          },
          *pteEntry({ entry, value, va, next }) {
            yield* setEntry(cpu, k, entry, 0n);
            yield* flushTlbKernelRange(cpu, k, va, next);
            yield* setEntry(cpu, k, entry, ((value & ~clear) | set) & ~PTE_CONT);
            return 0;
          },
        });
      },
    }),
});

export const setMemoryTwins: readonly Scenario[] = [
  kprobeAliasWritable,
  windowLeftOpen,
  partOfBlockNotRefused,
  pageOfGroupNotRefused,
  pageOfGroupByItself,
];
