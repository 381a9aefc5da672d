import { alignDown } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PAGE_SHARED } from '../../kernel/tables/pgtable-prot.ts';
import { contPteBytes } from '../../kernel/tables/set-huge-pte.ts';
import { contPtes } from '../../kernel/user/contpte.ts';
import type { Mm } from '../../kernel/user/mm.ts';
import { userRead, userWrite } from '../../kernel/user/user-fault.ts';
import { largestFreeRam } from '../places.ts';

/** What processes of a scenario have: one large folio each, at the same address, as large and as aligned as a contiguous group. */
export const USER_VA = 2 ** 32;

/** Physical address of folio `number`: from the top of the largest piece of RAM that is nobody's. */
export function folioPa(k: Kernel, number: number): number {
  const group = contPteBytes(k);
  const [from, to] = largestFreeRam(k);
  const pa = alignDown(to, group) - (number + 1) * group;
  if (pa < from) throw new Error(`board '${k.board.name}' has no room for folio ${number} of ${group} bytes`);
  return pa;
}

/** The entry that maps page `page` of folio `number`, writable and clean. */
export function folioPte(k: Kernel, number: number, page: number): bigint {
  return BigInt(folioPa(k, number) + page * k.space.granule.pageBytes) | PAGE_SHARED;
}

/** Pages that processes use, those that single changes fall on among them; the last one completes the group. */
export function usedPages(k: Kernel): readonly number[] {
  return [0, 1, 2, 3, 5, contPtes(k) - 1];
}

/** Reads a page, which is mapped as long as others can find the process; what is there must lie in the folio. */
export function* readPage(cpu: Cpu, k: Kernel, mm: Mm, number: number, page: number): Op {
  const offset = page * k.space.granule.pageBytes;
  const found = yield* userRead(cpu, k, mm, USER_VA + offset);
  expectAt(cpu, USER_VA + offset, folioPa(k, number) + offset, found === undefined ? REFUSED : found.pa);
}

/** Writes a page that may be written. */
export function* writePage(cpu: Cpu, k: Kernel, mm: Mm, number: number, page: number): Op {
  const offset = page * k.space.granule.pageBytes;
  const found = yield* userWrite(cpu, k, mm, USER_VA + offset, BigInt(page + 1));
  expectAt(cpu, USER_VA + offset, folioPa(k, number) + offset, found?.pa);
}

/** What is no physical address. */
const REFUSED = -1;

function expectAt(cpu: Cpu, va: number, expected: number, found: number | undefined): void {
  if (found !== undefined && found !== expected) cpu.observer.promiseBroken(cpu, va, expected, found);
}
