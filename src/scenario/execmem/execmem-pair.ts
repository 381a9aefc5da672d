import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { relaxWhile } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import { ENOMEM } from '../../kernel/errno.ts';
import { execmemRestoreRox } from '../../kernel/execmem/execmem.ts';
import { execmemAllocRw, execmemFree } from '../../kernel/execmem/execmem-alloc.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { beHeldUp, letGo } from '../staging/held-up.ts';
import { executeNeighbour, modules, withBootModule, wordOf, working } from './execmem.ts';

/**
 * Two CPUs in one table, and one of them frees it. CPU 1 has a page that is writable. CPU 0 makes another writable, and is held
 * up where split_kernel_leaf_mapping() has found nothing to split, before it walks. Meanwhile CPU 1 makes its page read-only
 * again: all pages of the table are alike, and a block can take its place. Whoever waits for CPU 0 lets it go.
 */

/** How far the two are: a word each. */
const READY = 3;
const LINEAR = 4;
const HELD = 5;
const WALKED = 6;

const isSet = function* (cpu: Cpu, k: Kernel, word: number): Op<boolean> {
  return (yield* load(cpu, wordOf(k, word))) !== 0n;
};

function* set(cpu: Cpu, k: Kernel, word: number): Op {
  yield* store(cpu, wordOf(k, word), 1n);
}

function* until(cpu: Cpu, k: Kernel, word: number, reason: string): Op {
  while (!(yield* isSet(cpu, k, word))) yield* relaxWhile(cpu, wordOf(k, word), 0n, reason);
}

function heldUpBeforeWalk(good: KernelText): KernelText {
  const { split, collapse } = good;
  return withBootModule({
    ...good,
    split: {
      ...split,
      *filter(cpu, k, start) {
        if (cpu.id === 0 && start < k.space.pageEnd && (yield* isSet(cpu, k, READY))) yield* set(cpu, k, LINEAR);
        return yield* split.filter(cpu, k, start);
      },
      *locked(cpu, k, op) {
        const error = yield* split.locked(cpu, k, op);
        if (cpu.id === 0 && (yield* isSet(cpu, k, LINEAR))) {
          yield* set(cpu, k, HELD);
          yield* beHeldUp(cpu);
        }
        return error;
      },
    },
    collapse: {
      ...collapse,
      *excluded(cpu, k, op) {
        if ((yield* load(cpu, k.symbols.variables['init_mm.mmap_lock'])) !== 0n) letGo(cpu);
        return yield* collapse.excluded(cpu, k, op);
      },
    },
  });
}

function* first(cpu: Cpu, k: Kernel): Op {
  yield* until(cpu, k, READY, 'CPU 1 to have a writable page');
  const va = yield* execmemAllocRw(cpu, k, k.space.granule.pageBytes);
  yield* set(cpu, k, HELD); // also where nothing had to be made writable
  yield* set(cpu, k, WALKED);
  if (va !== -ENOMEM) yield* execmemFree(cpu, k, va);
}

function* second(cpu: Cpu, k: Kernel): Op {
  const va = yield* execmemAllocRw(cpu, k, k.space.granule.pageBytes);
  yield* set(cpu, k, READY);
  yield* until(cpu, k, HELD, 'CPU 0 to be about to walk');
  if (va !== -ENOMEM) yield* execmemRestoreRox(cpu, k, va, 1);
  letGo(cpu);
  yield* until(cpu, k, WALKED, 'CPU 0 to have walked'); // to free the page would split the block again
  if (va !== -ENOMEM) yield* execmemFree(cpu, k, va);
}

const program: Program = working(function* (cpu, k) {
  yield* executeNeighbour(cpu, k);
  const { cpus, lateCpus } = k.board;
  if (cpus.length < 2 || lateCpus.includes(1)) return;
  if (cpu.id === 0) yield* first(cpu, k);
  else if (cpu.id === 1) yield* second(cpu, k);
  yield* executeNeighbour(cpu, k);
});

const pair = {
  ...modules,
  programs: () => program,
  briefPrograms: () => program,
  circumstances: heldUpBeforeWalk,
} as const satisfies Partial<Scenario>;

export const execmemPair = defineScenario({
  ...pair,
  name: 'execmem/pair',
  summary: 'a CPU is held up before it walks a table that another would replace by a block just then: it has to wait',
});

/** pgtable_split_lock alone, which the fact that a split never frees a table made good enough. */
export const collapseBesideWalk = defineScenario({
  ...pair,
  name: 'execmem/collapse-beside-walk',
  summary: 'permissions are changed while a collapse is not kept out: the walk meets a block of which it has a part',
  expect: 'warn',
  text: (good) => ({
    ...good,
    setMemory: {
      ...good.setMemory,
      *guarded(_cpu, _k, _area, change) {
        return yield* change;
      },
    },
  }),
});
