import type { Cpu } from '../../hardware/cpu.ts';
import { FRAME_LEVEL, frameOf } from '../../hardware/memory/memory.ts';
import { type Place, placeOf } from '../../hardware/memory/table-word.ts';
import {
  asidOfRoot,
  firstToFindItFull,
  mayHoldBroken,
  NO_ASID,
  noteChange,
  noteIssued,
  type PendingChange,
  pendingIn,
  strikeOut,
} from '../invalidation/pending.ts';
import { BROKEN, REPLACED } from '../invalidation/pending-row.ts';
import { bytesAt, type Entry, entriesUnder, isReached, leavesOf, sameTables } from '../map/leaves.ts';
import type { Property, Watch } from '../violation.ts';
import { isAlone, type Walker, weakestWalker } from '../walkers.ts';
import { describeDescriptor, formatSpan, tlbiSoFar } from '../wording.ts';
import { judgeReturn } from './bbm-return.ts';
import {
  type Change,
  type Contents,
  changeOf,
  isCacheable,
  isTable,
  mayChangeInPlace,
  overlapOf,
  worse,
} from './bbm-rule.ts';
import { inPlaceText } from './in-place.ts';

const NG = 1n << 11n;
const ADDRESS = 0x0000_ffff_ffff_f000n;

/**
 * Break-before-make, judged at the moment a store becomes visible to walkers: is this change of a live entry legal for
 * the weakest CPU that could walk it now? Who could not, is judged when it comes back (`judgeReturn`). Also keeps the
 * notebook of what still awaits invalidation.
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
        const was = isCacheable(before, place.level);
        const is = isCacheable(after, place.level);
        if (!was && !is) return;
        if (isUnlinked(cpu, place, pa)) return;
        if (!was) {
          judgeMake(watch, cpu, place, after, weakest(cpu, place.rootPa), true);
          return;
        }
        const change = is ? changeOf(before, after, place.level, contentsAt(cpu, place)) : 'full';
        if (is) {
          const walker = weakest(cpu, place.rootPa);
          const legal = judgeInPlace(watch, cpu, place, before, after, change, walker);
          if (legal && mayHoldBroken(cpu)) judgeMake(watch, cpu, place, after, walker, false);
        }
        if (change !== 'none' && !noteOld(cpu, place, before, after, is)) reportFull(watch, cpu);
      },
      rootWritten(cpu, regime) {
        judgeReturn(watch, cpu, regime);
      },
      tlbiIssued(cpu, record) {
        noteIssued(cpu, record, cpu.ownBroadcast.at(-1) === record);
      },
      tlbisCompleted(cpu, records, broadcast) {
        if ((broadcast || isAlone(cpu)) && !strikeOut(cpu, records)) reportFull(watch, cpu);
      },
    };
  },
};

function contentsAt({ memory }: Cpu, place: Place): Contents {
  return { sameLeaves: leavesOf(memory, place), sameTables: sameTables(memory, place.level) };
}

/** The word lies in a table that has been taken out of its tree, and no walk cache leads there any more. */
function isUnlinked(cpu: Cpu, place: Place, pa: number): boolean {
  const { memory } = cpu;
  const root = frameOf(memory, place.rootPa);
  const rootLevel = memory.frameMeta[root * 4 + FRAME_LEVEL]!;
  if (isReached(memory, place, pa, rootLevel, memory.frameVa[root]!)) return false;
  return !pendingIn(cpu, place.va, place.va + place.bytes).some(
    ({ isTable: table, level, rootPa }) => table && level < place.level && rootPa === place.rootPa,
  );
}

/** Notes what may still be cached of the old descriptor: itself and, if it is a table, what hangs below. False: no room. */
function noteOld(cpu: Cpu, place: Place, before: bigint, after: bigint, replaced: boolean): boolean {
  const { memory } = cpu;
  const { level, va, rootPa } = place;
  const kind = replaced ? REPLACED : BROKEN;
  const root: Entry = { descriptor: before, level, va };
  if (!isTable(before, level)) return note(root, va + place.bytes);
  const sameContents = replaced && isTable(after, level) && sameTables(memory, level)(before, after);
  const onlyTables = sameContents && (before & ADDRESS) !== (after & ADDRESS);
  let complete = true;
  let run: Entry | undefined;
  let end = va;
  for (const entry of entriesUnder(memory, root)) {
    const bytes = bytesAt(memory, entry.level);
    if (!isCacheable(entry.descriptor, entry.level) || (onlyTables && !isTable(entry.descriptor, entry.level)))
      continue;
    const inStep =
      run !== undefined &&
      entry.level === run.level &&
      entry.va === end &&
      !isTable(entry.descriptor, entry.level) &&
      entry.descriptor === run.descriptor + BigInt(entry.va - run.va);
    if (!inStep) {
      if (run !== undefined) complete = note(run, end) && complete;
      run = entry;
    }
    end = entry.va + bytes;
  }
  return run === undefined ? complete : note(run, end) && complete;

  function note(first: Entry, runEnd: number): boolean {
    const table = isTable(first.descriptor, first.level);
    const asid = table || (first.descriptor & NG) !== 0n ? asidOfRoot(cpu, rootPa) : NO_ASID;
    const { descriptor, level: at, va: start } = first;
    return noteChange(cpu, { kind, isTable: table, start, end: runEnd, level: at, before: descriptor, rootPa, asid });
  }
}

function reportFull(watch: Watch, cpu: Cpu): void {
  if (!firstToFindItFull(cpu)) return;
  watch.report(
    cpu,
    'notebook-full',
    'more changes of table entries await invalidation than the checks can note: from here on bbm and stale miss some',
    [],
    'flush earlier, or change neighbouring entries in the order of their addresses: those share a note',
  );
}

/** True where nothing is to be said against it. */
function judgeInPlace(
  watch: Watch,
  cpu: Cpu,
  place: Place,
  before: bigint,
  after: bigint,
  change: Change,
  walker: Walker,
): boolean {
  if (walker.cpu < 0 || mayChangeInPlace(change, walker.bbm)) return true;
  const { message, evidence, remedy } = inPlaceText(cpu, watch.kernel, place, before, after, change, walker);
  watch.report(cpu, 'bbm', message, evidence, remedy);
  return false;
}

/**
 * A valid entry where something else was valid before: was the old one invalidated everywhere? `fresh`: the entry itself
 * was not valid just now; otherwise only what was broken below it is of interest.
 */
function judgeMake(watch: Watch, cpu: Cpu, place: Place, after: bigint, walker: Walker, fresh: boolean): void {
  const { rootPa, va, bytes } = place;
  const { space } = watch.kernel;
  for (const old of pendingIn(cpu, va, va + bytes)) {
    if (old.rootPa !== rootPa || old.mixed || (!fresh && old.kind !== BROKEN)) continue;
    const change = clash(cpu, old, place, after);
    if (mayChangeInPlace(change, walker.bbm)) continue;
    const how = old.kind === BROKEN ? 'broken' : 'replaced';
    watch.report(
      cpu,
      'bbm',
      `a new entry was made while the old one, ${how} at step ${old.step} by CPU ${old.cpu}, may still be cached`,
      [
        `new     ${describeDescriptor(after, place.level, va, space)} at level ${place.level}, ${formatSpan(va, va + bytes)}`,
        `old     ${describeDescriptor(old.before, old.level, old.start, space)} at level ${old.level}, ${formatSpan(old.start, old.end)}`,
        tlbiSoFar(old),
      ],
      old.tlbi === 'covered'
        ? 'a DSB ISH between the TLBI and the new entry'
        : `a broadcast TLBI${old.isTable ? ' that reaches table entries (VAAE1IS, not VAALE1IS)' : ''} and a DSB ISH before the new entry`,
    );
  }
}

/** How what is noted and what hangs below the new descriptor disagree at worst. */
function clash(cpu: Cpu, old: PendingChange, place: Place, after: bigint): Change {
  const { memory } = cpu;
  let worst: Change = 'none';
  for (const now of entriesUnder(memory, { descriptor: after, level: place.level, va: place.va })) {
    if (isTable(now.descriptor, now.level) || !isCacheable(now.descriptor, now.level)) continue;
    const end = now.va + bytesAt(memory, now.level);
    for (const leaf of oldLeaves(cpu, old, now.va, end)) {
      worst = worse(worst, overlapOf(leaf, now, Math.max(leaf.va, now.va)));
      if (worst === 'full') return worst;
    }
  }
  return worst;
}

/** The old leaves that overlap `[from, to)`. A cached table descriptor leads to whatever the table holds now. */
function* oldLeaves(cpu: Cpu, old: PendingChange, from: number, to: number): Generator<Entry> {
  const { memory } = cpu;
  const first = Math.max(old.start, Math.floor(from / old.unit) * old.unit);
  for (let va = first; va < Math.min(old.end, to); va += old.unit) {
    const descriptor = old.isTable ? old.before : old.before + BigInt(va - old.start);
    for (const entry of entriesUnder(memory, { descriptor, level: old.level, va })) {
      const within = entry.va < to && entry.va + bytesAt(memory, entry.level) > from;
      if (within && !isTable(entry.descriptor, entry.level) && isCacheable(entry.descriptor, entry.level)) yield entry;
    }
  }
}
