import type { Cpu } from '../../hardware/cpu.ts';
import { read } from '../../hardware/memory/memory.ts';
import { isTableAt } from '../../hardware/memory/table-word.ts';
import type { Promised } from '../../hardware/observer.ts';
import { forwarded } from '../../hardware/store-buffer/store-buffer.ts';
import { mayHaveBeenMissed } from '../../hardware/translation/early-translation.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { addrEnd, entryOffset } from '../../kernel/tables/pagewalk.ts';
import {
  PTE_ADDRESS,
  PTE_PRESENT_INVALID,
  PTE_PXN,
  PTE_RDONLY,
  PTE_VALID,
  PTE_WRITE,
} from '../../kernel/tables/pgtable-prot.ts';
import type { Property } from '../violation.ts';
import { formatSpan } from '../wording.ts';
import { walkLines } from './walk-lines.ts';

/**
 * Who is told 0 may rely on it. Judged at the moment a function says so, or a caller that goes ahead: of what a walker of any
 * CPU can find then. That old translations are gone is a claim of its own (`stale`).
 */
export const promise: Property = {
  name: 'promise',
  says: 'where a change of permissions was said to have succeeded, walkers of every CPU find the range as it was asked for',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    promised(cpu, by, promised) {
      const broken = firstBroken(cpu, kernel, promised);
      if (broken === undefined) return;
      const { va, end, found, awaits } = broken;
      report(
        cpu,
        'promise',
        `${by}: ${formatSpan(promised.start, promised.end)} was promised to be ${wish(promised)}, but ${formatSpan(va, end)} ${awaits === undefined ? `is ${found}` : NOT_YET[awaits]}`,
        [
          ...walkLines(cpu.memory, kernel, kernel.symbols.swapperPgDir, va),
          ...(awaits === undefined ? [] : [`${EVIDENCE[awaits]} CPU ${cpu.id}`]),
        ],
        awaits === undefined ? CARE : BARRIER,
      );
    },
  }),
};

/** What a change waits for that has been made, and is not there for everybody. */
type Awaited = 'DSB' | 'ISB';

const NOT_YET: Readonly<Record<Awaited, string>> = {
  DSB: 'is not so for any walker yet',
  ISB: 'may not be so yet for the CPU that made it so',
};

const EVIDENCE: Readonly<Record<Awaited, string>> = {
  DSB: 'the store that makes it so is in the store buffer of',
  ISB: 'no context synchronisation event since on',
};

const BARRIER =
  'a DSB ISHST; ISB after the entry: emit_pte_barriers(), when lazy MMU mode is left at the latest (update_range_prot(), 6.18)';
const CARE =
  'whoever asks looks at what set_memory_*() returns, and lets go of the range where that is not 0; and a change that returns 0 has come to every leaf of it';

interface Broken {
  readonly va: number;
  readonly end: number;
  readonly found: string;
  readonly awaits: Awaited | undefined;
}

function firstBroken(cpu: Cpu, k: Kernel, promised: Promised): Broken | undefined {
  for (let va = promised.start, end: number; va < promised.end; va = end) {
    const { pa, value, level } = leafAt(cpu, k, va);
    end = addrEnd(k.space, level, va, promised.end);
    const kept = keeps(value, promised);
    if (kept && !((promised.set & PTE_VALID) !== 0n && mayHaveBeenMissed(cpu, pa))) continue;
    const own = forwarded(cpu.stores, pa);
    const awaits = kept ? 'ISB' : own !== undefined && keeps(own, promised) ? 'DSB' : undefined;
    return { va, end, found: wordsFor(value), awaits };
  }
  return undefined;
}

/** The entry at which a walk for `va` ends, as memory holds it. */
function leafAt({ memory }: Cpu, { space, symbols }: Kernel, va: number): { pa: number; value: bigint; level: number } {
  let table = symbols.swapperPgDir;
  for (let level = space.startLevel as number; ; level++) {
    const pa = entryOffset(space, level, table, va);
    const value = read(memory, pa);
    if (!isTableAt(value, level)) return { pa, value, level };
    table = Number(value & PTE_ADDRESS);
  }
}

/** Of an invalid entry only matters whether it was to be valid, and that one that was taken away can come back. */
function keeps(value: bigint, { set, clear }: Promised): boolean {
  if ((value & PTE_VALID) !== 0n) return (value & set) === set && (value & clear & ~set) === 0n;
  const wanted = set & (PTE_VALID | ((clear & PTE_VALID) !== 0n && value !== 0n ? PTE_PRESENT_INVALID : 0n));
  return (value & wanted) === wanted;
}

/** What was asked for, in words. */
function wish({ set, clear }: Promised): string {
  const words = [
    ...((set & PTE_VALID) !== 0n ? ['mapped'] : (clear & PTE_VALID) !== 0n ? ['not mapped'] : []),
    ...((set & PTE_RDONLY) !== 0n || (clear & PTE_WRITE) !== 0n
      ? ['read-only']
      : (set & PTE_WRITE) !== 0n
        ? ['writable']
        : []),
    ...((set & PTE_PXN) !== 0n ? ['not executable'] : (clear & PTE_PXN) !== 0n ? ['executable'] : []),
  ];
  return words.length === 0 ? 'what it is' : words.join(' and ');
}

function wordsFor(value: bigint): string {
  if ((value & PTE_VALID) === 0n)
    return value === 0n
      ? 'not mapped'
      : (value & PTE_PRESENT_INVALID) !== 0n
        ? 'present and invalid'
        : 'invalid, and not even present';
  const writable = (value & PTE_WRITE) !== 0n && (value & PTE_RDONLY) === 0n;
  return `${writable ? 'writable' : 'read-only'} and ${(value & PTE_PXN) === 0n ? 'executable' : 'not executable'}`;
}
