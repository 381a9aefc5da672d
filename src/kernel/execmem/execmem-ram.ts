import { alignUp, isAligned } from '../../arch/address.ts';
import { GRANULES, levelBytes } from '../../arch/granule.ts';
import { type Board, kernelImageEnd } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { CodePages } from '../../hardware/instruction/code-page.ts';
import { compareAndSwap, load } from '../../hardware/instruction/load-store.ts';
import { type Layout, poolPlace } from '../../hardware/memory/layout.ts';
import type { Op } from '../../hardware/op.ts';
import { ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';

/**
 * The pages that executable memory is made of. Linux takes them from the page allocator; here they come from one place of RAM,
 * as much as a PMD maps and aligned as one where the board has such a place, in chunks: a word of the kernel says which are taken.
 */

/** A bit each, of the word `execmem_chunks`. */
const CHUNKS = 32;

/** Where there is no room for a PMD, as many pages as there are chunks; where there is none for these, undefined. */
export function execmemRam(board: Board, layout: Layout, wordsPa: number): CodePages | undefined {
  const granule = GRANULES[board.granule];
  const { pageBytes, entriesPerTable } = granule;
  const pmd = levelBytes(granule, 2);
  const { pa: image } = board.kernelImage;
  const taken: readonly (readonly [number, number])[] = [
    [image, kernelImageEnd(board.kernelImage)],
    [layout.poolPa, layout.poolPa + layout.poolFrames * pageBytes],
  ];
  for (const { base, bytes } of board.memory)
    for (let pa = alignUp(base, pmd); pa + pmd <= base + bytes; pa += pmd)
      if (taken.every(([from, to]) => pa + pmd <= from || pa >= to))
        return { pa, pages: entriesPerTable, words: wordsPa };
  const memory = board.memory.map(({ base, bytes }) =>
    layout.poolPa >= base && layout.poolPa < base + bytes ? { base, bytes: layout.poolPa - base } : { base, bytes },
  );
  const pa = poolPlace({ memory, kernelImage: board.kernelImage }, CHUNKS * pageBytes);
  return pa === undefined ? undefined : { pa, pages: CHUNKS, words: wordsPa };
}

/** Bytes of a chunk: what an allocation is rounded up to. */
function chunkBytes(k: Kernel, ram: CodePages): number {
  return (ram.pages / CHUNKS) * k.space.granule.pageBytes;
}

/** Physical address of pages that follow each other, `bytes` in all; -ENOMEM: there are not so many. */
export function* allocExecmemPages(cpu: Cpu, k: Kernel, bytes: number): Op<number> {
  const ram = k.execmemRam;
  if (ram === undefined) return -ENOMEM;
  const count = Math.ceil(bytes / chunkBytes(k, ram));
  const { execmem_chunks: word } = k.symbols.variables;
  for (let taken = yield* load(cpu, word); ; ) {
    const chunk = Array.from({ length: CHUNKS }, (_, i) => i).find(
      (i) => i + count <= CHUNKS && (taken & mask(i, count)) === 0n,
    );
    if (chunk === undefined) return -ENOMEM;
    const before = yield* compareAndSwap(cpu, word, taken, taken | mask(chunk, count));
    if (before === taken) return ram.pa + chunk * chunkBytes(k, ram);
    taken = before;
  }
}

/** They go back. */
export function* freeExecmemPages(cpu: Cpu, k: Kernel, pa: number, bytes: number): Op {
  const ram = k.execmemRam!;
  const { execmem_chunks: word } = k.symbols.variables;
  const mine = mask((pa - ram.pa) / chunkBytes(k, ram), Math.ceil(bytes / chunkBytes(k, ram)));
  for (let taken = yield* load(cpu, word); ; ) {
    const before = yield* compareAndSwap(cpu, word, taken, taken & ~mine);
    if (before === taken) return;
    taken = before;
  }
}

const mask = (first: number, count: number): bigint => ((1n << BigInt(count)) - 1n) << BigInt(first);

/** `bytes` rounded up to what the page allocator gives. */
export function roundToExecmemPages(k: Kernel, bytes: number): number {
  return k.execmemRam === undefined ? bytes : alignUp(bytes, chunkBytes(k, k.execmemRam));
}

/** Whether a whole PMD may be had of it: it is as large and as aligned as one. */
export function hasPmd({ space, execmemRam: ram }: Kernel): boolean {
  return (
    ram !== undefined && ram.pages === space.granule.entriesPerTable && isAligned(ram.pa, levelBytes(space.granule, 2))
  );
}
