import { formatPa, formatVa } from '../../arch/address.ts';
import { tableGeneration } from '../../hardware/memory/frame.ts';
import { FRAME_FREE, FRAME_GENERATION, frameOf, type Memory } from '../../hardware/memory/memory.ts';
import { pendingIn } from '../invalidation/pending.ts';
import { REPLACED } from '../invalidation/pending-row.ts';
import type { Property } from '../violation.ts';
import { walkerText } from '../walker-text.ts';
import { cachedRootOf, holdsRoot, weakestWalker } from '../walkers.ts';
import { formatSpan, tlbiSoFar } from '../wording.ts';

const ADDRESS = 0x0000_ffff_ffff_f000n;

const FLUSH = 'unlink the table, then __flush_tlb_kernel_pgtable() (TLBI VAAE1IS; DSB ISH; ISB), then free it';

/**
 * A page that has been given back may hold anything: whoever still walks it reads somebody else's data. So a table is only freed
 * when no walk cache leads there; and who comes there all the same is found out as well.
 */
export const tableLifetime: Property = {
  name: 'table-lifetime',
  says: 'no walk, walk cache or lockless walker touches a freed table page',
  mood: 'always',
  observe: ({ report, kernel }) => {
    const walker = weakestWalker();
    return {
      tableFreed(cpu, pa) {
        const { cpu: holder } = walker(cpu, pa);
        const held = holdsRoot(cpu, holder, pa);
        if (holder >= 0 && (held || cachedRootOf(cpu, holder) === pa)) {
          report(
            cpu,
            'table-lifetime',
            `the table page at ${formatPa(pa)} was freed while CPU ${holder} ${held ? 'walks' : 'may still walk'} from it`,
            [walkerText(cpu, kernel, holder)],
            held
              ? 'another root in TTBRn_EL1, and an ISB, before this one is freed'
              : `a TLBI VMALLE1 and DSB NSH on CPU ${holder} once another root is in force, before this one is freed`,
          );
          return;
        }
        const ways = pendingIn(cpu, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY).filter(
          ({ isTable, before, mixed, start, end, unit }) =>
            isTable && !mixed && end - start === unit && Number(before & ADDRESS) === pa,
        );
        const [way] = ways;
        if (way === undefined) return;
        report(
          cpu,
          'table-lifetime',
          `the table page at ${formatPa(pa)} was freed while walk caches may still lead there`,
          [
            `its entry for ${formatSpan(way.start, way.end)} was ${way.kind === REPLACED ? 'replaced' : 'broken'} at step ${way.step} by CPU ${way.cpu}: ${tlbiSoFar(way)}`,
          ],
          way.tlbi === 'covered'
            ? 'a DSB ISH between the TLBI and freeing the table (__flush_tlb_kernel_pgtable(), 6.18)'
            : FLUSH,
        );
      },
      freedWalk(cpu, va, pa) {
        const frame = frameOf(cpu.memory, pa);
        const freed = frame >= 0 && cpu.memory.frameState[frame] === FRAME_FREE;
        report(
          cpu,
          'table-lifetime',
          `a walk for ${formatVa(va)} read ${formatPa(pa)}, which is ${freed ? 'a freed table page' : 'no table page'}`,
          freed ? [freedTimes(cpu.memory, frame)] : [],
          FLUSH,
        );
      },
      tableRead(cpu, va, pa, generation) {
        const frame = frameOf(cpu.memory, pa);
        const now = tableGeneration(cpu.memory, frame);
        if (generation >= 0 && now === generation) return;
        const what = now < 0 ? 'a freed table page' : 'a table page that was freed and is another one by now';
        report(
          cpu,
          'table-lifetime',
          `a walk in software for ${formatVa(va)} read ${formatPa(pa)}, which is ${what}`,
          [
            frame < 0 ? 'nothing ever was a table there' : freedTimes(cpu.memory, frame),
            generation < 0
              ? 'it was no table when the walk read the way to it'
              : 'it was a table when the walk read the way to it',
          ],
          'whoever frees has to wait for whoever walks: arm64_ptdump_lock_key on before the walk reads anything, init_mm.mmap_lock ' +
            'held over all of it; and in pmd_free_pte_page(): clear, __flush_tlb_kernel_pgtable() with its DSB and ISB, the ' +
            'static branch, the lock, and then free (6.18)',
        );
      },
    };
  },
};

function freedTimes({ frameMeta }: Memory, frame: number): string {
  return `the page has been freed ${frameMeta[frame * 4 + FRAME_GENERATION]} times`;
}
