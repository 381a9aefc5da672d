import { type Memory, read } from '../../hardware/memory/memory.ts';
import { execmemAreasAt } from '../../kernel/execmem/execmem-areas.ts';
import { FREE_PENDING } from '../../kernel/execmem/execmem-cache.ts';
import { type Kernel, variablePa } from '../../kernel/kernel.ts';
import { atRest, type Violation } from '../violation.ts';
import { formatSpan } from '../wording.ts';

/** What was given back to the execmem cache and is of no use to anybody: nobody frees it, or its area never becomes whole. */
export function lostExecmem(memory: Memory, k: Kernel): Violation[] {
  const isRetried = (read(memory, variablePa(k, 'execmem_work')) & FREE_PENDING) !== 0n;
  const pending = isRetried ? [] : execmemAreasAt(memory, 'busy').filter((area) => area.isPending);
  const free = execmemAreasAt(memory, 'free');
  const apart = free.filter(({ start }) => free.some((other) => other.start + other.bytes === start));
  return [
    ...pending.map(({ start, bytes }) =>
      atRest(
        'leak',
        `${formatSpan(start, start + bytes)} of the execmem cache was given back, could not become free, and nobody tries again`,
        [],
        'execmem_cache_free_slow(), by delayed work, for whatever execmem_cache_free() left pending (mm/execmem.c, 6.18)',
      ),
    ),
    ...apart.map(({ start, bytes }) =>
      atRest(
        'leak',
        `${formatSpan(start, start + bytes)} of the execmem cache is free, and apart from what is free before it: their area never becomes whole, and is never given up`,
        [],
        'execmem_cache_add_locked() merges with the free areas before and behind (mm/execmem.c)',
      ),
    ),
  ];
}
