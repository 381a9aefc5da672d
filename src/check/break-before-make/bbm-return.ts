import { type Cpu, classNumber } from '../../hardware/cpu.ts';
import { read, wordOf } from '../../hardware/memory/memory.ts';
import { liveEntriesHaveChanged } from '../../hardware/memory/table-word.ts';
import { CPU_APPLIED, removes } from '../../hardware/tlbi/dvm.ts';
import type { Regime } from '../../hardware/translation/regime.ts';
import { asidOf, descriptorOf, GLOBAL, levelOf, sizeOf, tagOf } from '../../hardware/translation/tlb-entry.ts';
import { removalsDue } from '../invalidation/removals-due.ts';
import { bytesAt, type Entry, entriesUnder } from '../map/leaves.ts';
import type { Watch } from '../violation.ts';
import { walkerText } from '../walker-text.ts';
import { describeDescriptor, describeEntry, formatSpan } from '../wording.ts';
import { type Change, isCacheable, isTable, type Leaf, mayChangeInPlace, overlapOf } from './bbm-rule.ts';

const ADDRESS = 0x0000_ffff_ffff_f000n;
const CONTIGUOUS = 1n << 52n;

/**
 * A CPU comes back to tables that others may have changed while its TTBRs did not hold them. Whether that is safe is
 * settled there and then, by what its TLB holds: while it was away it could cache nothing of these tables, and from now on
 * it finds them as they are. So an old entry that it has kept will stand beside the new one, and its class must allow
 * that; where it has kept none, the change is as good as made before it was ever there, whatever other TLBs still hold.
 *
 * The secondaries of Linux 6.18 drop everything between leaving swapper_pg_dir and being counted as parked
 * (__idmap_cpu_set_reserved_ttbr1: MSR TTBR1_EL1; ISB; TLBI VMALLE1; DSB NSH; ISB). One that came back before the boot CPU's
 * flush would break what the kernel announces, not break-before-make: that is for `stale`.
 */
export function judgeReturn(watch: Watch, cpu: Cpu, regime: Regime): void {
  if (!cpu.mmuOn || !liveEntriesHaveChanged(cpu.memory)) return;
  const { tlb } = cpu;
  const due = removalsDue(cpu.dvm, cpu.words[CPU_APPLIED]!);
  if (due === 'everything') return;
  for (let way = 0; way < tlb.entries; way++) {
    const tag = tagOf(tlb, way); // NaN, of a free way, compares with nothing
    if (!(tag >= regime.start && tag < regime.end)) continue;
    const asid = asidOf(tlb, way);
    if (asid !== GLOBAL && asid !== regime.asid) continue;
    if (due.some((r) => removes(r, tag, tag + sizeOf(tlb, way), levelOf(tlb, way), asid))) continue;
    const clash = clashWith(cpu, regime, way);
    if (clash === undefined) continue;
    report(watch, cpu, way, clash);
    return; // one entry says it for all
  }
}

/** What stands in memory where an entry of the TLB says otherwise, and how they differ. */
interface Clash {
  readonly change: Change;
  readonly now: Entry;
}

/**
 * The first leaf of memory that this CPU's class may not hold beside entry `way`. Of a contiguous run of which only one
 * member was cached, nothing is left once the run is taken apart: that member has its new entry's tag and size.
 */
function clashWith(cpu: Cpu, regime: Regime, way: number): Clash | undefined {
  const { memory, tlb, model } = cpu;
  const start = tagOf(tlb, way);
  const end = start + sizeOf(tlb, way);
  const old = cachedLeaf(cpu, way);
  const unit = bytesAt(memory, old.level);
  // The entries of a contiguous run stand side by side; what is smaller than an entry hangs below it.
  for (let va = start; va < end; va += unit)
    for (const now of entriesUnder(memory, entryFor(cpu, regime, va, old.level))) {
      if (isTable(now.descriptor, now.level) || !isCacheable(now.descriptor, now.level)) continue;
      if (now.va >= end || now.va + bytesAt(memory, now.level) <= start) continue;
      const change = overlapOf(old, now, Math.max(now.va, start));
      if (change === 'contiguous' && end - start === unit && (now.descriptor & CONTIGUOUS) === 0n) continue;
      if (!mayChangeInPlace(change, classNumber(model))) return { change, now };
    }
  return undefined;
}

/** The leaf that entry `way` was made from: of a contiguous run, the member that the walk came upon. */
function cachedLeaf({ memory, tlb }: Cpu, way: number): Leaf {
  const descriptor = descriptorOf(tlb, way);
  const level = levelOf(tlb, way);
  const unit = bytesAt(memory, level);
  const intoRun = Number(descriptor & ADDRESS) % sizeOf(tlb, way);
  return { descriptor, level, va: tagOf(tlb, way) + intoRun - (intoRun % unit) };
}

/** The entry for `va` at `deepest`, or the leaf or the invalid entry above it, read by somebody who is not a CPU. */
function entryFor({ memory }: Cpu, { root, start, startLevel }: Regime, va: number, deepest: number): Entry {
  let table = root;
  let first = start;
  for (let level = startLevel; ; level++) {
    const bytes = bytesAt(memory, level);
    const index = Math.floor((va - first) / bytes);
    first += index * bytes;
    const entry = table + index * 8;
    const descriptor = wordOf(memory, entry) < 0 ? 0n : read(memory, entry); // what no RAM backs is no table
    if (level === deepest || !isTable(descriptor, level)) return { descriptor, level, va: first };
    table = Number(descriptor & ADDRESS);
  }
}

const WHAT: Readonly<Record<Change, string>> = {
  none: 'is the same',
  permission: 'has other permissions',
  member: 'is of a group that is not uniform',
  contiguous: 'has another contiguous bit',
  size: 'has another size',
  full: 'differs in more than size and permissions',
};

function report({ kernel: k, report: say }: Watch, cpu: Cpu, way: number, { change, now }: Clash): void {
  const { tlb, id, model } = cpu;
  const start = tagOf(tlb, way);
  const end = start + sizeOf(tlb, way);
  say(
    cpu,
    'bbm',
    `CPU ${id}, whose BBM class is ${model.conflicts}, came back to tables of which its TLB still holds an old entry, for ${formatSpan(start, end)}: the one it can walk to now ${WHAT[change]}`,
    [
      ...describeEntry(cpu, k.space, way),
      `now   ${describeDescriptor(now.descriptor, now.level, now.va, k.space)} at level ${now.level}`,
      `roots ${walkerText(cpu, k, id)}`,
    ],
    'TLBI VMALLE1 and DSB NSH once the other root is in force (__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S, 6.18), or to stay away until a broadcast TLBI of what has changed is complete',
  );
}
