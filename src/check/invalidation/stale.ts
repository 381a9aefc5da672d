import { formatSize, formatVa } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { read } from '../../hardware/memory/memory.ts';
import { placeOf } from '../../hardware/memory/table-word.ts';
import { awaitsSynchronisation } from '../../hardware/translation/early-translation.ts';
import { asidOf } from '../../hardware/translation/tlb-entry.ts';
import { isCacheable } from '../break-before-make/bbm-rule.ts';
import type { Property } from '../violation.ts';
import { describeEntry, formatSpan, tlbiSoFar } from '../wording.ts';
import { judgeLeftOver, judgeReset } from './left-over.ts';
import { asidOfRoot, noteAnnounced, type PendingChange, pendingIn } from './pending.ts';
import { REPLACED } from './pending-row.ts';

/**
 * Old translations must be out of use when the kernel says so. The claim itself is checked (whatever it covers has been
 * invalidated, and that has completed), and so is every later access that proves it wrong.
 */
export const stale: Property = {
  name: 'stale',
  says: 'once the kernel has announced that old translations of a range are gone, they are, and no access uses one',
  mood: 'always',
  observe: (watch) => ({
    translationOn(cpu) {
      judgeReset(watch, cpu);
    },
    rootWritten(cpu, regime) {
      judgeLeftOver(watch, cpu, regime);
    },
    announced(cpu, name, start, end, asid) {
      const changes = pendingIn(cpu, start, end, asid);
      const buffered = bufferedIn(cpu, start, end, asid);
      const unsynchronised = start < 0 && awaitsSynchronisation(cpu); // user addresses are used after an exception return
      if (changes.length === 0 && buffered === 0 && !unsynchronised) return;
      if (changes.length > 0) noteAnnounced(cpu, start, end, asid);
      const missing = missingOf(changes, buffered);
      watch.report(
        cpu,
        'stale',
        `${name}: old translations were announced to be gone, but ${WHY[missing]}`,
        [
          ...changeLines(changes),
          ...(buffered > 0 ? [`${buffered} table stores are still in the store buffer of CPU ${cpu.id}`] : []),
        ],
        remedyFor(missing, name),
      );
    },
    withdrawnUse(cpu, va, way) {
      // Without a note that was announced, the entry was replaced again after the announcement: its flush is under way.
      if (!pendingIn(cpu, va, va + 1, asidOf(cpu.tlb, way)).some(({ announced }) => announced)) return;
      watch.report(
        cpu,
        'stale',
        `an access to ${formatVa(va)} used a translation that was replaced before the kernel announced it gone`,
        describeEntry(cpu, watch.kernel.space, way),
        remedyFor('TLBI', ''),
      );
    },
  }),
};

/** What was not done in time. With nothing pending and nothing buffered it is the ISB: of user mappings nobody asks for one. */
function missingOf(changes: readonly PendingChange[], buffered: number): keyof typeof WHY {
  if (buffered > 0) return 'DSB ISHST';
  if (changes.length === 0) return 'ISB';
  if (changes.every(({ tlbi }) => tlbi === 'covered')) return 'DSB ISH';
  return changes.every(({ tlbi }) => tlbi === 'covered' || tlbi === 'unordered') ? 'DSB first' : 'TLBI';
}

const WHY = {
  'DSB ISHST': 'the new entries are not visible to walkers yet',
  'DSB first': 'no DSB lies between the change and the TLBI: walkers may have read the old entries after it',
  'DSB ISH': 'the TLBI that removes them has not completed',
  ISB: 'this CPU, which has completed the TLBI, may have translated by them what it is about to access',
  TLBI: 'no TLBI has removed them',
} as const;

/** What was missing before what was `announced`. */
function remedyFor(missing: keyof typeof WHY, announced: string): string {
  const caller = FLUSHED_BY[announced];
  const flush = USER_FLUSHES[announced] ?? 'flush_tlb_kernel_range()';
  if (missing === 'DSB ISHST') return `a DSB ISHST before the announcement (${flush}, 6.18, begins with one)`;
  if (missing === 'DSB first') return `a DSB ISHST between the change and the TLBI (${flush}, 6.18, begins with one)`;
  if (missing === 'ISB') return `an ISB after the DSB ISH (the end of ${flush}, 6.18)`;
  if (missing === 'DSB ISH') return `a DSB ISH between the TLBI and the announcement (the end of ${flush}, 6.18)`;
  if (announced === 'swsusp_arch_resume')
    return 'TLBI VMALLE1 and DSB NSH between the two writes to TTBR1_EL1, with all other CPUs off (break_before_make_ttbr_switch, 6.18)';
  const operand = flush === 'flush_tlb_kernel_range()' ? '' : ' with the ASID of its mm, and its level or none,';
  return `${flush} over the range${operand} before the announcement (${caller === undefined ? '' : `${caller}, `}6.18)`;
}

/** What flushes user mappings that are then announced to be gone. */
const USER_FLUSHES: Readonly<Record<string, string>> = {
  wrprotect: '__flush_tlb_range()',
  ptep_clear_flush: 'flush_tlb_page()',
  'asid.reused': 'flush_tlb_mm()',
};

/** Who flushes what it then announces to be gone. */
const FLUSHED_BY: Readonly<Record<string, string>> = {
  'repaint.released': 'linear_map_split_to_ptes()',
  'asid.reused': 'new_context()',
  set_memory: '__change_memory_common()',
  mark_linear_text_alias_ro: 'update_mapping_prot()',
  hibernate_unmap_page: 'hibernate_unmap_page()',
  'memory.removed': 'unmap_hotplug_range()',
  purge_vmap_area: '__purge_vmap_area_lazy()',
};

/** What was replaced or broken, a line a row; what has been done about it on each line, or once if that is all the same. */
function changeLines(changes: readonly PendingChange[]): string[] {
  const done = changes.map(tlbiSoFar);
  const alike = done.length > 1 && done.every((words) => words === done[0]);
  const lines = changes.map(
    (change, i) =>
      `${changeText(change)}, the last at step ${change.step} by CPU ${change.cpu}${alike ? '' : `: ${done[i]}`}`,
  );
  return alike ? [...lines, `each: ${done[0]}`] : lines;
}

/** `linear+0x0..0x200000: 1 block of 2M replaced`. */
function changeText({ start, end, unit, level, isTable, kind }: PendingChange): string {
  const count = (end - start) / unit;
  const what = isTable ? `table of ${formatSize(unit)}` : `${level === 3 ? 'page' : 'block'} of ${formatSize(unit)}`;
  const many = count === 1 ? what : what.replace(' ', 's ');
  return `${formatSpan(start, end)}: ${count} ${many} ${kind === REPLACED ? 'replaced' : 'broken'}`;
}

/** Stores of this CPU that no walker can see yet and that take something away in the range. */
function bufferedIn(cpu: Cpu, start: number, end: number, asid: number | undefined): number {
  const { memory, stores } = cpu;
  let count = 0;
  for (let i = 0; i < stores.count[0]!; i++) {
    const pa = stores.pa[i]!;
    if (stores.isFill[i] === 1) continue;
    const place = placeOf(memory, pa);
    if (place === undefined || place.va >= end || place.va + place.bytes <= start) continue;
    if (asid !== undefined && asidOfRoot(cpu, place.rootPa) !== asid) continue;
    const old = read(memory, pa);
    if (isCacheable(old, place.level) && old !== stores.value[i]) count++;
  }
  return count;
}
