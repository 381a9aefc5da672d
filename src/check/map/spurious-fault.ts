import { formatPa, formatVa } from '../../arch/address.ts';
import { faultCode, faultOf, formatFault } from '../../arch/fault.ts';
import { RIGHT_EL1_EXECUTE, RIGHT_EL1_WRITE, RIGHT_EL1_WRITE_PAN } from '../../arch/permission.ts';
import { type Cpu, ROOT0, ROOT1 } from '../../hardware/cpu.ts';
import { isPending } from '../../hardware/memory/frame.ts';
import {
  CONTROL_PENDING_FILLS,
  FRAME_PENDING,
  FRAME_ROOT,
  frameOf,
  framePa,
  type Memory,
} from '../../hardware/memory/memory.ts';
import { isTableAt, placeOf } from '../../hardware/memory/table-word.ts';
import { mayHaveBeenMissed } from '../../hardware/translation/early-translation.ts';
import { isImage, virtToPhys } from '../../kernel/address-space.ts';
import { idmapFlag } from '../../kernel/boot/idmap.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Property } from '../violation.ts';
import { walkerText } from '../walker-text.ts';
import { weakestWalker } from '../walkers.ts';
import { unorderedLink } from './link-order.ts';
import { walkLines } from './walk-lines.ts';

const TLB_CONFLICT = faultCode('tlb-conflict');
const EXTERNAL_ABORT = faultCode('external-abort');
const ADDRESS = 0x0000_ffff_ffff_f000n;

/** The kernel promises that some addresses are mapped at any time: an access to one of them must not fault. */
export const spuriousFault: Property = {
  name: 'spurious-fault',
  says: 'no fault on an address the kernel promises is mapped, and no table is linked without a barrier after it was filled',
  mood: 'always',
  observe: ({ report, kernel }) => {
    const walker = weakestWalker();
    return {
      faultTaken(cpu, va, code, right) {
        if (code === TLB_CONFLICT) return;
        const access =
          right === RIGHT_EL1_EXECUTE
            ? 'execute'
            : right === RIGHT_EL1_WRITE || right === RIGHT_EL1_WRITE_PAN
              ? 'write'
              : 'read';
        const fault = faultOf(code, { va, access, el: 1 })!;
        const promise = promiseFor(kernel, va);
        report(
          cpu,
          'spurious-fault',
          `${formatFault(fault)}${promise === undefined ? ', which nobody handles' : `: ${promise}`}`,
          [walkerText(cpu, kernel, cpu.id), ...walkLines(cpu.memory, kernel, cpu.doubles[va < 0 ? ROOT1 : ROOT0]!, va)],
          remedyFor(cpu, kernel, va, code),
        );
      },
      tableWordVisible(cpu, pa, _before, after) {
        const place = placeOf(cpu.memory, pa);
        if (place === undefined || !isTableAt(after, place.level)) return;
        if (walker(cpu, place.rootPa).cpu < 0) return; // who makes it a root answers for it then
        const table = Number(after & ADDRESS);
        const unordered = unorderedLink(cpu, pa, after, table);
        if (unordered === undefined && !isPending(cpu.memory, table)) return;
        report(
          cpu,
          'spurious-fault',
          `a table for ${formatVa(place.va)} was linked without a barrier after it was filled: a walk may find anything in it`,
          [
            `table at 0x${table.toString(16)}, filled by plain stores ${unordered === undefined ? 'that no barrier has made visible' : `at step ${unordered.filled} and linked at step ${unordered.linked}, without a DSB between`}`,
          ],
          'a DSB ISHST between filling the table and linking it (split_pmd(), split_pud(), 6.18)',
        );
      },
      rootWritten(cpu, { root }) {
        const table = pendingUnder(cpu.memory, root);
        if (table === undefined) return;
        report(
          cpu,
          'spurious-fault',
          `TTBRn_EL1 was to lead to tables that no barrier has made visible: a walk may find anything in them`,
          [`table at ${formatPa(table)}, under the root at ${formatPa(root)}`],
          'a DSB ISHST between filling the tables and writing TTBRn_EL1, or telling others of them',
        );
      },
    };
  },
};

/** A table under the root that has been filled by plain stores, and no barrier since. Physical. */
function pendingUnder(memory: Memory, root: number): number | undefined {
  if (memory.control[CONTROL_PENDING_FILLS] === 0) return undefined;
  const { frameState, frameMeta } = memory;
  const hangsFrom = frameOf(memory, root) + 1;
  for (let frame = 0; frame < frameState.length; frame++) {
    const meta = frame * 4;
    if (frameMeta[meta + FRAME_PENDING] !== 0 && frameMeta[meta + FRAME_ROOT] === hangsFrom)
      return framePa(memory, frame);
  }
  return undefined;
}

/** What the kernel promises about `va`, in words. */
function promiseFor(k: Kernel, va: number): string | undefined {
  const { space } = k;
  if (va === idmapFlag(k)) return 'parked CPUs reach the repaint flag through the idmap';
  if (va >= space.pageOffset && va < space.pageEnd) {
    const pa = virtToPhys(space, va);
    if (k.board.memory.some(({ base, bytes }) => pa >= base && pa < base + bytes))
      return 'RAM is mapped in the linear map';
  }
  if (isImage(space, va)) return 'the kernel image is mapped';
  return undefined;
}

function remedyFor(cpu: Cpu, k: Kernel, va: number, code: number): string {
  if (code === EXTERNAL_ABORT && k.config.realm)
    return 'the mapping is taken away, and flushed, before the monitor changes the state of the page, and comes back only where it has done so, with PROT_NS_SHARED for a page that is shared (__set_memory_enc_dec(), 6.18)';
  if (va === idmapFlag(k))
    return 'create_idmap() must map the flag read-write (6.18; v5: bbml2_ptes[]): with a reserved TTBR1 not even the vectors can be reached';
  if (mayHaveBeenMissed(cpu, cpu.walk.descriptorPa))
    return 'an ISB after the DSB that followed the entry, which this CPU itself has made valid: emit_pte_barriers() (6.18) ends with one';
  return '';
}
