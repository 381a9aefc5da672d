import { formatPa, formatVa } from '../arch/address.ts';
import { FRAME_FREE, FRAME_GENERATION, frameOf } from '../hardware/memory.ts';
import type { Property } from './violation.ts';

/** A page that has been given back may hold anything: whoever still walks it reads somebody else's data. */
export const tableLifetime: Property = {
  name: 'table-lifetime',
  says: 'no walk, walk cache or lockless walker touches a freed table page',
  mood: 'always',
  observe: ({ report }) => ({
    freedWalk(cpu, va, pa) {
      const frame = frameOf(cpu.memory, pa);
      const freed = frame >= 0 && cpu.memory.frameState[frame] === FRAME_FREE;
      report(
        cpu,
        'table-lifetime',
        `a walk for ${formatVa(va)} read ${formatPa(pa)}, which is ${freed ? 'a freed table page' : 'no table page'}`,
        freed ? [`the page has been freed ${cpu.memory.frameMeta[frame * 4 + FRAME_GENERATION]} times`] : [],
        'unlink the table, then __flush_tlb_kernel_pgtable() (TLBI VAAE1IS; DSB ISH; ISB), then free it',
      );
    },
  }),
};
