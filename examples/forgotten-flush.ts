import type { Cpu, Kernel, Op } from 'asymmu';
import { announce, defineScenario, dsb, entryOffset, load, prot, rangeSplitToPtes, setEntry, tableVa } from 'asymmu';

/** A protocol of one's own: CPU 0 makes a page read-only, and forgets to flush. */
function* makeReadOnly(cpu: Cpu, k: Kernel): Op {
  const va = k.space.pageOffset + 64 * 2 ** 20;
  yield* rangeSplitToPtes(cpu, k, va, va + 4096, 'kernel');
  let table = k.symbols.swapperPgDir;
  for (let level = k.space.startLevel; level < 3; level++)
    table = Number((yield* load(cpu, tableVa(k, table) + entryOffset(k.space, level, 0, va))) & prot.PTE_ADDRESS);
  const pte = tableVa(k, table) + entryOffset(k.space, 3, 0, va);
  const value = yield* load(cpu, pte);
  yield* setEntry(cpu, k, pte, (value & ~prot.PTE_WRITE) | prot.PTE_RDONLY);
  yield* dsb(cpu, 'ish'); // no TLBI: the old, writable translation may live on
  announce(cpu, 'make-read-only', va, va + 4096);
}

export default defineScenario({
  name: 'forgotten-flush',
  summary: 'a page becomes read-only without a TLBI',
  board: 'symmetric-8',
  programs: (cpu) => (cpu === 0 ? makeReadOnly : function* () {}),
});
