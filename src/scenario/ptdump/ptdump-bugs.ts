import type { Bug } from '../bug.ts';
import { hotRemove, noGetOnlineMems } from './hot-remove.ts';
import { ptdump } from './ptdump.ts';
import { dumperTakesNoLock, flushWithoutIsb, keyNotCounted, twoDumpersOnOneCpu } from './ptdump-twins.ts';

/** What went wrong, or nearly, where tables are freed while somebody dumps them. */

export const ptdumpBugs: readonly Bug[] = [
  {
    name: 'ptdump-reads-freed-table',
    wrong: 'a dumper has read the way to a table when a block takes its place, and reads the table when it is freed',
    source: 'fa93b45fd397, Dev Jain: until then a kernel with ptdump had no huge vmalloc mappings',
    revision: 'never merged: huge vmalloc mappings of a kernel with ptdump came with the lock, in 6.18',
    fix: 'the dumper holds init_mm.mmap_lock, and whoever frees passes through it while a static key says that somebody dumps',
    act: { bad: dumperTakesNoLock, fixed: ptdump },
  },
  {
    name: 'walk-cache-flush-without-isb',
    wrong:
      '__flush_tlb_kernel_pgtable() ends without an ISB: what comes next may have been fetched before, here the branch that a dumper has patched',
    source: '05f2d2f83b5a; fixed by 51696d346c49',
    revision: 'before 5.4, which had no such branch: what its absence would do to the ptdump of 6.18',
    fix: 'an ISB after the DSB that completes the TLBI',
    act: { bad: flushWithoutIsb, fixed: ptdump },
  },
  {
    name: 'ptdump-key-not-counted',
    wrong: 'two dump at once, and the first to finish disables the key under the other',
    source: 'review of v5 of fa93b45fd397 (Will Deacon, September 2025)',
    revision: 'never merged',
    fix: 'static_branch_inc() and static_branch_dec() instead of enable and disable',
    act: { bad: keyNotCounted, fixed: twoDumpersOnOneCpu },
  },
  {
    name: 'ptdump-meets-hot-remove',
    wrong: 'a dumper walks the linear map while memory is taken away with its tables',
    source: 'bf2b59f60ee1 for the file in debugfs; check_wx_pages went without until 2025',
    revision: 'before bf2b59f60ee1; check_wx_pages until 2025',
    fix: 'get_online_mems() around the walk',
    act: { bad: noGetOnlineMems, fixed: hotRemove },
  },
];
