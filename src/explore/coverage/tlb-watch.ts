import { POWER } from '../../arch/power.ts';
import { bbmClasses } from '../../hardware/board/board.ts';
import { BOTH_SIZES_CACHED, FILLS, HITS, MISSES } from '../../hardware/counters.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { attachMarkLog, marksSince } from '../../hardware/memory/mark-log.ts';
import { CONTROL_HINT_CURSOR, type Memory, wordOf } from '../../hardware/memory/memory.ts';
import { placeOf } from '../../hardware/memory/table-word.ts';
import { ahead, CPU_APPLIED, completed, issued, readRecord, record, removes } from '../../hardware/tlbi/dvm.ts';
import type { Regime } from '../../hardware/translation/regime.ts';
import { setOf } from '../../hardware/translation/tlb.ts';
import {
  asidOf,
  FLAG_CONTIGUOUS,
  flagsOf,
  GLOBAL,
  levelOf,
  memoryTypeOf,
  rightsAt,
  shiftOf,
  tagOf,
  translateBy,
} from '../../hardware/translation/tlb-entry.ts';
import { type DescriptorSource, newWalk, type Walk, walk } from '../../hardware/translation/walker.ts';
import { MARKS } from '../../kernel/marks.ts';
import { actOf, cpuOfActor, SPECULATE, STEP } from '../decide.ts';
import type { Interleaver } from '../interleaver.ts';
import type { Acted } from '../scheduler.ts';
import { CACHED_SIZES, IN_MEMORY, PHASE_BEGINS, PROTOCOL_PHASES, situationNumber, TLBI_PHASES } from './situations.ts';

/** Looks on while a machine runs, and says in which situations its CPUs use and cache the linear map. Changes nothing. */
export interface TlbWatch {
  /** A run begins. */
  readonly begin: () => void;
  /** After each act of the run. */
  readonly acted: Acted;
}

const SAME = IN_MEMORY.indexOf('same');
const OTHER_SIZE = IN_MEMORY.indexOf('other size');
const CHANGED = IN_MEMORY.indexOf('changed');
const INVALID = IN_MEMORY.indexOf('invalid');
const NONE = TLBI_PHASES.indexOf('none');
const ISSUED = TLBI_PHASES.indexOf('issued');
const DELIVERED = TLBI_PHASES.indexOf('delivered');
const COMPLETED = TLBI_PHASES.indexOf('completed');
const RUN_BIT = 1 << CACHED_SIZES.indexOf('run');
/** By level: the bit of its leaves where each is cached by itself. */
const LEAF_BIT = (['large block', 'large block', 'block', 'page'] as const).map(
  (size) => 1 << CACHED_SIZES.indexOf(size),
);

const BEFORE = PROTOCOL_PHASES.indexOf('before');
/** By mark: the phase that it begins; -1: none. */
const PHASE_OF = Int8Array.from(MARKS, (mark) => {
  const phase = PHASE_BEGINS[mark];
  return phase === undefined ? -1 : PROTOCOL_PHASES.indexOf(phase);
});

/** `meet` is told of every situation as it is come to, by its number. */
export function tlbWatch({ machine, lanes, kernel }: Interleaver, meet: (situation: number) => void): TlbWatch {
  const { memory, layout } = machine;
  const { control } = memory;
  const { pageOffset, pageEnd, granule } = kernel.space;
  const log = attachMarkLog(memory, layout);
  const source = tablesOf(memory);
  const now = newWalk();
  const scratch = record();
  const bbm = lanes.map(({ cpu }) => bbmClasses.indexOf(cpu.model.conflicts));
  const uses = new Float64Array(lanes.length);
  const fills = new Float64Array(lanes.length);
  let swapper: Regime | undefined;
  let begins = true;
  let marks = 0;
  let phase = BEFORE;
  let changes = 0;
  let changedAt = 0;

  const takeStock = (cpu: Cpu): void => {
    uses[cpu.id] = usesOf(cpu);
    fills[cpu.id] = cpu.counts[FILLS]!;
  };
  const followMarks = (): void => {
    const { marks: added, next } = marksSince(log, marks);
    marks = next;
    for (const { mark } of added) if (PHASE_OF[mark]! >= 0) phase = PHASE_OF[mark]!;
  };
  const tlbiPhase = (cpu: Cpu, va: number): number => {
    const end = issued(cpu.dvm);
    const start = Math.floor(va / granule.pageBytes) * granule.pageBytes;
    for (let at = changedAt; ahead(end, at) > 0; at = (at + 1) | 0) {
      if (!readRecord(cpu.dvm, at, scratch)) continue;
      if (!removes(scratch, start, start + granule.pageBytes, now.level, GLOBAL)) continue;
      if (ahead(completed(cpu.dvm), at) > 0) return COMPLETED;
      return ahead(cpu.words[CPU_APPLIED]!, at) > 0 ? DELIVERED : ISSUED;
    }
    return NONE;
  };
  const look = (cpu: Cpu, va: number): void => {
    if (!(va >= pageOffset && va < pageEnd)) return;
    if (cpu.regime1?.root === kernel.symbols.swapperPgDir) swapper = cpu.regime1;
    if (swapper === undefined) return;
    walk(source, swapper, va, now);
    const held = heldFor(cpu, va, swapper, now);
    meet(situationNumber(bbm[cpu.id]!, held & ALL_SIZES, held >> CACHED_SIZES.length, tlbiPhase(cpu, va), phase));
  };

  return {
    begin() {
      begins = true;
      marks = 0;
      phase = BEFORE;
    },
    acted(actor) {
      const { cpu } = lanes[cpuOfActor(actor)]!;
      if (actOf(actor) === STEP) followMarks();
      const hinted = control[CONTROL_HINT_CURSOR]!;
      if (begins || hinted !== changes) {
        changes = hinted;
        changedAt = issued(cpu.dvm);
      }
      if (begins) {
        begins = false;
        for (const lane of lanes) takeStock(lane.cpu);
        return;
      }
      if (actOf(actor) === SPECULATE) {
        if (fills[cpu.id] === cpu.counts[FILLS]) return;
        look(cpu, walkedVa(memory, cpu.walk));
      } else if (uses[cpu.id] !== usesOf(cpu)) look(cpu, cpu.lastVa);
      takeStock(cpu);
    },
  };
}

/** Accesses that looked for a translation. */
function usesOf({ counts }: Cpu): number {
  return counts[HITS]! + counts[MISSES]! + counts[BOTH_SIZES_CACHED]!;
}

/** The address that the last walk was for; NaN where its table hangs nowhere. */
function walkedVa(memory: Memory, { descriptorPa, pa, base }: Walk): number {
  const place = placeOf(memory, descriptorPa);
  return place === undefined ? Number.NaN : place.va + (pa - base);
}

const ALL_SIZES = 2 ** CACHED_SIZES.length - 1;

/**
 * What the CPU's TLB holds for `va`, one bit a size as in CACHED_SIZES, and above them how memory, which holds `now`, stands
 * to it, as in IN_MEMORY.
 */
function heldFor({ tlb }: Cpu, va: number, { pageShift, stride }: Regime, now: Walk): number {
  const nowRuns = now.contiguousShift > now.sizeShift;
  let sizes = 0;
  let memory = now.fault === 0 ? SAME : INVALID;
  for (let k = 0; k < tlb.sizeCount; k++) {
    const shift = tlb.sizes[k]!;
    const first = setOf(tlb, va, shift);
    for (let way = first; way < first + tlb.ways; way++) {
      const inside = va - tagOf(tlb, way); // NaN, of a free way, compares with nothing
      if (!(inside >= 0 && inside < POWER[shift]!) || shiftOf(tlb, way) !== shift || asidOf(tlb, way) !== GLOBAL)
        continue;
      const level = levelOf(tlb, way);
      sizes |= shift > pageShift + stride * (3 - level) ? RUN_BIT : LEAF_BIT[level]!;
      if (now.fault !== 0) continue;
      const attributes = rightsAt(tlb, way) === now.rights && memoryTypeOf(tlb, way) === (now.attrIndx | (now.sh << 3));
      if (!attributes || translateBy(tlb, way, va) !== now.pa) memory = CHANGED;
      const runs = (flagsOf(tlb, way) & FLAG_CONTIGUOUS) !== 0;
      if (memory === SAME && (level !== now.level || runs !== nowRuns)) memory = OTHER_SIZE;
    }
  }
  return sizes | (memory << CACHED_SIZES.length);
}

/** The tables as they lie in memory, whatever buffers hold. */
function tablesOf(memory: Memory): DescriptorSource {
  const halves = new Uint32Array(2);
  return {
    halves,
    fetch(pa) {
      const half = 2 * wordOf(memory, pa);
      if (half < 0) return false;
      halves[0] = memory.halves[half]!;
      halves[1] = memory.halves[half + 1]!;
      return true;
    },
  };
}
