import { RIGHT_EL1_EXECUTE } from '../../arch/permission.ts';
import { boundary } from '../boundary.ts';
import type { Cpu } from '../cpu.ts';
import { exchange, read } from '../memory/memory.ts';
import type { Op } from '../op.ts';
import { catchUp, overtaken } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { leaveHazard, translateOnce } from '../translation/access.ts';
import { refused, writable } from '../translation/writable.ts';
import { die } from './exception.ts';

/**
 * Pages of code, as far as it matters which code is in them: of RAM that no frame backs one word a page is kept, whatever
 * address within the page is asked for. Translation is all that stands between a CPU and the word. Whether its instruction
 * cache has an older one is another matter: here it has not.
 */
export interface CodePages {
  /** Physical address of the first page, and how many there are. */
  readonly pa: number;
  readonly pages: number;
  /** Physical address, in a frame, of the word of the first page; the others follow. */
  readonly words: number;
}

/** What the CPU executes at `va`: the word of the page that it translates to. A fetch that may not be ends the CPU. */
export function* fetchWord(cpu: Cpu, va: number, code: CodePages): Op<bigint> {
  const stop = boundary(cpu, 'fetch', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, RIGHT_EL1_EXECUTE);
    const word = pa < 0 ? 0n : read(cpu.memory, placeOfWord(cpu, code, pa));
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, RIGHT_EL1_EXECUTE);
    return word;
  }
}

/** Stores the word of the page at `va`. */
export function* storeWord(cpu: Cpu, va: number, value: bigint, code: CodePages): Op {
  const stop = boundary(cpu, 'store', va);
  if (stop !== undefined) yield stop;
  yield* storeNow(cpu, va, value, code);
}

/** Stores the words of `pages` from `va` on, which nobody else uses: one step. */
export function* storeWords(cpu: Cpu, va: number, pages: number, value: bigint, code: CodePages): Op {
  const stop = boundary(cpu, 'store', va);
  if (stop !== undefined) yield stop;
  for (let i = 0; i < pages; i++) yield* storeNow(cpu, va + i * cpu.memory.pageBytes, value, code);
}

function* storeNow(cpu: Cpu, va: number, value: bigint, code: CodePages): Op {
  const pa = writable(cpu, va);
  if (pa < 0) yield* refused(cpu, va, pa);
  exchange(cpu.memory, placeOfWord(cpu, code, pa), value);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'store', 0, va, value, pa);
}

/** The word of the page at `va` once stored to as data: where the page has been given back, whoever has it now. */
function placeOfWord({ memory }: Cpu, { pa: first, pages, words }: CodePages, pa: number): number {
  const page = Math.floor((pa - first) / memory.pageBytes);
  if (page < 0 || page >= pages)
    throw new Error(`no word is kept of physical ${pa.toString(16)}: it is no page of code`);
  return words + 8 * page;
}
