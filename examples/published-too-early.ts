import type { Cpu, Kernel, Op } from 'asymmu';
import {
  defineScenario,
  enterLazyMmuMode,
  entryOffset,
  flushTlbKernelRange,
  leaveLazyMmuMode,
  load,
  physToVirt,
  prot,
  relaxWhile,
  setEntry,
  store,
  tableVa,
} from 'asymmu';

/** A page of the last bank of RAM comes and goes. Any word of the kernel's data will do to tell others of it. */
const page = (k: Kernel) => physToVirt(k.space, k.board.memory.at(-1)!.base);
const news = (k: Kernel) => k.symbols.variables.cpu_stop_done;

function* pteOf(cpu: Cpu, k: Kernel, va: number): Op<number> {
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel; level < 3; level++)
    table = Number((yield* load(cpu, tableVa(k, table) + entryOffset(k.space, level, 0, va))) & prot.PTE_ADDRESS);
  return tableVa(k, table) + entryOffset(k.space, 3, 0, va);
}

/** Unmaps the page, as set_direct_map_invalid_noflush() and a flush do; maps it again, and tells CPU 1 too early. */
function* writer(cpu: Cpu, k: Kernel): Op {
  const pte = yield* pteOf(cpu, k, page(k));
  const value = yield* load(cpu, pte);
  yield* setEntry(cpu, k, pte, value & ~prot.PTE_VALID);
  yield* flushTlbKernelRange(cpu, k, page(k), page(k) + 1);
  enterLazyMmuMode(k);
  yield* setEntry(cpu, k, pte, value);
  yield* store(cpu, news(k), 1n); // the barrier that makes the entry visible comes with leaving lazy mode
  yield* leaveLazyMmuMode(cpu, k);
}

function* reader(cpu: Cpu, k: Kernel): Op {
  while ((yield* load(cpu, news(k))) === 0n) yield* relaxWhile(cpu, news(k), 0n, 'news of the page');
  yield* load(cpu, page(k));
}

export default defineScenario({
  name: 'published-too-early',
  summary: 'a page is handed on before its entry is visible',
  board: 'one-block',
  programs: (cpu) => (cpu === 0 ? writer : reader),
});
