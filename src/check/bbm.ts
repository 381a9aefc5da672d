import { formatSize } from '../arch/address.ts';
import { type Cpu, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT, CONTROL_ROOTS_EPOCH, classNumber } from '../hardware/cpu.ts';
import { CPU_BBM, CPU_POWER } from '../hardware/dvm.ts';
import { CPU_DOUBLES, CPU_WORDS } from '../hardware/layout.ts';
import { type Memory, wordOf } from '../hardware/memory.ts';
import { type Place, placeOf } from '../hardware/table-word.ts';
import { changeOf, className, isTable, mayChangeInPlace, type Change } from './bbm-rule.ts';
import { attachPending, BROKEN, noteChange, noteIssued, pendingIn, REPLACED, strikeOut } from './pending.ts';
import type { Property, Watch } from './violation.ts';
import { formatDescriptor, formatSpan } from './wording.ts';

const VALID = 1n;
const ADDRESS = 0x0000_ffff_ffff_f000n;

/**
 * Break-before-make, judged at the moment a store becomes visible to walkers: is this change of a live entry legal for
 * the weakest CPU that could walk it now? Also keeps the notebook of what still awaits invalidation.
 */
export const bbm: Property = {
  name: 'bbm',
  says: 'each change of a live table entry is legal for the weakest CPU that could walk it at that moment',
  mood: 'always',
  observe: (watch) => {
    const weakest = weakestWalker();
    return {
      tableWordVisible(cpu, pa, before, after) {
        const place = placeOf(cpu.memory, pa);
        if (place === undefined) return;
        const pending = attachedPending(cpu);
        const wasValid = (before & VALID) !== 0n;
        const isValid = (after & VALID) !== 0n;
        if (!wasValid && isValid) judgeMake(watch, cpu, place, after, weakest(cpu, place.rootPa));
        if (!wasValid) return;
        const change = isValid ? changeOf(before, after, place.level, leavesOf(cpu.memory, place)) : 'full';
        if (isValid) judgeInPlace(watch, cpu, place, before, after, change, weakest(cpu, place.rootPa));
        if (change !== 'none') noteChange(pending, cpu, isValid ? REPLACED : BROKEN, place, before);
      },
      tlbiIssued(cpu, record) {
        noteIssued(attachedPending(cpu), record);
      },
      tlbisCompleted(cpu, records, broadcast) {
        if (broadcast) strikeOut(attachedPending(cpu), records);
      },
    };
  },
};

const notebooks = new WeakMap<Memory, ReturnType<typeof attachPending>>();

/** The machine's notebook; the checks of all CPUs share it. */
export function attachedPending(cpu: Cpu): ReturnType<typeof attachPending> {
  let notebook = notebooks.get(cpu.memory);
  if (notebook === undefined) {
    notebook = attachPending(cpu.memory, cpu.layout);
    notebooks.set(cpu.memory, notebook);
  }
  return notebook;
}

interface Walker {
  readonly bbm: number;
  readonly cpu: number;
}

/** The weakest powered CPU whose TTBRs hold, or are about to hold, the root; looked up anew when any TTBR changed. */
function weakestWalker(): (cpu: Cpu, rootPa: number) => Walker {
  let epoch = -1;
  let root = Number.NaN;
  let answer: Walker = { bbm: 4, cpu: -1 };
  return (cpu, rootPa) => {
    const now = Atomics.load(cpu.memory.control, CONTROL_ROOTS_EPOCH);
    if (now === epoch && root === rootPa) return answer;
    epoch = now;
    root = rootPa;
    answer = { bbm: classNumber(cpu.model), cpu: -1 };
    const doubles = cpu.allDoubles;
    for (let id = 0; id < cpu.dvm.cpuCount; id++) {
      if (Atomics.load(cpu.dvm.cpuWords, id * CPU_WORDS + CPU_POWER) === 0 && id !== 0) continue;
      const at = id * CPU_DOUBLES;
      const reaches = [ROOT0, ROOT1, ROOT0_NEXT, ROOT1_NEXT].some((word) => doubles[at + word] === rootPa);
      const bbmClass = cpu.dvm.cpuWords[id * CPU_WORDS + CPU_BBM]!;
      if (reaches && (answer.cpu < 0 || bbmClass < answer.bbm)) answer = { bbm: bbmClass, cpu: id };
    }
    return answer;
  };
}

/** For `changeOf`: the table holds exactly the leaves of the block. */
function leavesOf(memory: Memory, place: Place): (table: bigint, block: bigint) => boolean {
  return (table, block) => {
    const first = wordOf(memory, Number(table & ADDRESS));
    if (first < 0) return false;
    const childLevel = place.level + 1;
    const stride = memory.pageShift - 3;
    const step = 2 ** (memory.pageShift + stride * (3 - childLevel));
    const page = childLevel === 3 ? 2n : 0n;
    const contiguous = 1n << 52n;
    const expected = (block & ~(contiguous | 2n)) | page;
    let lo = Number(expected & 0xffff_ffffn);
    let hi = Number(expected >> 32n);
    const contiguousHalf = Number(contiguous >> 32n);
    for (let i = first * 2, end = i + memory.pageBytes / 4; i < end; i += 2) {
      if (memory.halves[i] !== lo || (memory.halves[i + 1]! & ~contiguousHalf) !== hi) return false;
      lo += step;
      if (lo >= 2 ** 32) {
        lo -= 2 ** 32;
        hi += 1;
      }
    }
    return true;
  };
}

function judgeInPlace(
  watch: Watch,
  cpu: Cpu,
  place: Place,
  before: bigint,
  after: bigint,
  change: Change,
  walker: Walker,
): void {
  if (walker.cpu < 0 || mayChangeInPlace(change, walker.bbm)) return;
  watch.report(
    cpu,
    'bbm',
    `a live level ${place.level} entry (${formatSize(place.bytes)}) changed ${WHAT[change]} in place while CPU ${walker.cpu}, whose BBM class is ${className(walker.bbm)}, could walk it`,
    [
      `entry   ${formatSpan(place.va, place.va + place.bytes)}`,
      `before  ${formatDescriptor(before)}${isTable(before, place.level) ? ' (table)' : ''}`,
      `after   ${formatDescriptor(after)}${isTable(after, place.level) ? ' (table)' : ''}`,
    ],
    change === 'size' || change === 'contiguous'
      ? `CPU ${walker.cpu} must not be able to walk the table during the change (park it in the idmap with a reserved TTBR1: linear_map_split_to_ptes(), 6.18), or the change needs break-before-make`
      : 'break-before-make: invalid entry, DSB, broadcast TLBI, DSB, then the new entry',
  );
}

const WHAT: Readonly<Record<Change, string>> = {
  none: 'nothing',
  permission: 'its permissions',
  contiguous: 'its contiguous bit',
  size: 'its size',
  full: 'more than its size or permissions',
};

/** A valid entry where one was broken before: was the old one invalidated everywhere? */
function judgeMake(watch: Watch, cpu: Cpu, place: Place, after: bigint, walker: Walker): void {
  for (const old of pendingIn(attachedPending(cpu), place.va, place.va + place.bytes)) {
    if (old.kind !== BROKEN || old.level !== place.level || old.start !== place.va) continue;
    const change = changeOf(old.before, after, place.level, leavesOf(cpu.memory, place));
    if (mayChangeInPlace(change, walker.bbm)) continue;
    watch.report(
      cpu,
      'bbm',
      `a new entry was made while the old one, broken at step ${old.step} by CPU ${old.cpu}, may still be cached`,
      [
        `entry   ${formatSpan(place.va, place.va + place.bytes)} at level ${place.level}`,
        `old     ${formatDescriptor(old.before)}`,
        `new     ${formatDescriptor(after)}`,
        old.tlbiIssued ? 'a TLBI covers it, but no DSB has completed it' : 'no TLBI that covers it has been issued',
      ],
      old.tlbiIssued ? 'a DSB ISH between the TLBI and the new entry' : 'a broadcast TLBI and a DSB ISH before the new entry',
    );
  }
}
