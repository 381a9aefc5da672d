import { CPU_WORDS, DVM_RECORD_BYTES, type Layout } from '../memory/layout.ts';
import { CONTROL_DVM_COMPLETED, CONTROL_DVM_ISSUED, type Memory } from '../memory/memory.ts';

/**
 * Broadcast TLB maintenance (Distributed Virtual Memory messages). A TLBI is a record in a shared log under a global
 * ticket; it wakes nobody. Each CPU applies the log in order, when it likes, but no later than the record's completion:
 * a DSB publishes the ticket up to which everything must have been applied. A CPU compares its own position with the
 * log before and after it uses a translation; an access that was overtaken by a completion is done again, so it counts
 * as before the TLBI or not at all. Parked CPUs therefore cost nothing. Tickets are 32-bit and wrap; only differences
 * are compared. A CPU that fell behind by more than the log holds drops everything.
 */
export interface Dvm {
  readonly records: number;
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** log2 of `records`, a power of two. */
  readonly lapShift: number;
  /** Four words a record: `FLAGS`, `ASID`, `ISSUER`, `LAP`. */
  readonly words: Int32Array;
  readonly control: Int32Array;
  /** Every CPU's words, for the hazards. */
  readonly cpuWords: Int32Array;
  readonly cpuCount: number;
}

const FLAGS = 0;
const ASID = 1;
const ISSUER = 2;
/**
 * How often the log had gone round when the slot was written: 0 never, 2 * lap + 2 written, 2 * lap + 1 being written.
 * Tickets near the 32-bit wrap have laps like all others, so that no ticket is mistaken for an empty slot.
 */
const LAP = 3;

/** Flags of a record. The level hint (TTL) sits in bits 9:8 with bit 10 set when there is one. */
export const TLBI_LAST_LEVEL = 1;
export const TLBI_ALL = 2;
export const TLBI_ANY_ASID = 4;
/** Every non-global entry of the ASID. */
export const TLBI_BY_ASID = 8;
/** No invalidation: the kernel announces that translations of the range replaced before this point are out of use. */
export const TLBI_AUDIT = 16;
/** The operand does not fit this machine's translations: nothing need be removed, so nothing is. */
export const TLBI_VOID = 32;
export const TLBI_HINTED = 1 << 10;
export const TLBI_HINT_SHIFT = 8;

/** Words of `cpuWords`, `CPU_WORDS` a CPU. */
export const CPU_STATUS = 0;
export const CPU_APPLIED = 1;
/** Odd while the CPU is in an access that cannot be redone. */
export const CPU_HAZARD = 2;
export const CPU_IRQ_PENDING = 3;
export const CPU_IRQ_MASKED = 4;
export const CPU_ONLINE = 5;
export const CPU_POWER = 6;
export const CPU_STATE = 7;
export const CPU_WAIT_KIND = 8;
/** Counts up whenever the CPU gets anywhere (progress.ts): what the watchdog looks at. */
export const CPU_PROGRESS = 9;
export const CPU_BBM = 10;
export const CPU_WALKS = 11;
export const CPU_DONE = 12;

export function attachDvm(memory: Memory, layout: Layout): Dvm {
  const { buffer } = memory;
  const n = layout.dvmLogRecords;
  if (DVM_RECORD_BYTES !== 32) throw new Error('a DVM record is two doubles and four words');
  return {
    records: n,
    lapShift: 31 - Math.clz32(n),
    start: new Float64Array(buffer, layout.dvmLog, n),
    end: new Float64Array(buffer, layout.dvmLog + n * 8, n),
    words: new Int32Array(buffer, layout.dvmLog + n * 16, n * 4),
    control: memory.control,
    cpuWords: new Int32Array(buffer, layout.cpuWords, layout.cpuCount * CPU_WORDS),
    cpuCount: layout.cpuCount,
  };
}

/** No other CPU than `self` has power. The boot CPU needs nobody to switch it on. */
export function isAlone({ cpuCount, cpuWords }: Dvm, self: number): boolean {
  if (self !== 0) return false;
  for (let cpu = 1; cpu < cpuCount; cpu++) if (cpuWords[cpu * CPU_WORDS + CPU_POWER] !== 0) return false;
  return true;
}

/** Appends a TLBI of `[start, end)` and returns the position behind it. */
export function issue(dvm: Dvm, issuer: number, flags: number, start: number, end: number, asid: number): number {
  const { words } = dvm;
  const ticket = Atomics.add(dvm.control, CONTROL_DVM_ISSUED, 1);
  if ((ticket & (PULL_EVERY - 1)) === 0) pullLaggards(dvm, ticket);
  const at = ticket & (dvm.records - 1);
  const word = at * 4;
  const written = writtenLap(dvm, ticket);
  // A thread that lost its core in here may be a lap late. Its slot stays its own: who finds no record drops everything.
  const before = Atomics.load(words, word + LAP);
  if ((before & 1) === 0 && Atomics.compareExchange(words, word + LAP, before, written - 1) === before) {
    dvm.start[at] = start;
    dvm.end[at] = end;
    words[word + FLAGS] = flags;
    words[word + ASID] = asid;
    words[word + ISSUER] = issuer;
    Atomics.store(words, word + LAP, written);
  }
  return (ticket + 1) | 0;
}

function writtenLap(dvm: Dvm, position: number): number {
  return ((position >>> dvm.lapShift) * 2 + 2) | 0;
}

const PULL_EVERY = 2 ** 28;
const FAR_BEHIND = 2 ** 29;

/**
 * Positions are compared by their 32-bit difference, so nobody may fall behind by 2^31, however long it sleeps. Whoever
 * is this far behind drops everything when it wakes, wherever exactly its position lies.
 */
function pullLaggards(dvm: Dvm, ticket: number): void {
  for (let cpu = 0, word = CPU_APPLIED; cpu < dvm.cpuCount; cpu++, word += CPU_WORDS) {
    const applied = Atomics.load(dvm.cpuWords, word);
    if (ahead(ticket, applied) > FAR_BEHIND)
      Atomics.compareExchange(dvm.cpuWords, word, applied, (ticket - FAR_BEHIND) | 0);
  }
}

/** Position of the log's end: everything before it has been issued. */
export function issued(dvm: Dvm): number {
  return Atomics.load(dvm.control, CONTROL_DVM_ISSUED);
}

/** Position up to which every CPU must have applied the log before it completes another access. */
export function completed(dvm: Dvm): number {
  return Atomics.load(dvm.control, CONTROL_DVM_COMPLETED);
}

/** Signed distance from position `from` to position `to`. */
export function ahead(to: number, from: number): number {
  return (to - from) | 0;
}

/** One applied record. `everything` stands for a record that was overwritten or is still being written. */
export interface DvmRecord {
  flags: number;
  start: number;
  end: number;
  asid: number;
  issuer: number;
  /** End of the log when the operation was issued. */
  position: number;
  /** Step of the DSB that the issuer had executed last: what it changed later need not be visible when the operation acts. */
  orderedStep: number;
}

export function record(): DvmRecord {
  return { flags: 0, start: 0, end: 0, asid: 0, issuer: 0, position: 0, orderedStep: 0 };
}

/** Reads the record at `position` into `out`; false when it is no longer, or not yet, there: then drop everything. */
export function readRecord(dvm: Dvm, position: number, out: DvmRecord): boolean {
  const { words } = dvm;
  const at = position & (dvm.records - 1);
  const word = at * 4;
  const written = writtenLap(dvm, position);
  if (Atomics.load(words, word + LAP) !== written) return false;
  out.flags = words[word + FLAGS]!;
  out.start = dvm.start[at]!;
  out.end = dvm.end[at]!;
  out.asid = words[word + ASID]!;
  out.issuer = words[word + ISSUER]!;
  return Atomics.load(words, word + LAP) === written;
}

/**
 * The second half of a DSB: from here on no access may complete with a translation that a TLBI before `position` removes.
 * Waits for accesses that cannot be redone and were under way; `relax` is called while it waits.
 */
export function complete(dvm: Dvm, self: number, position: number, relax: (spins: number) => void): void {
  const { control, cpuWords } = dvm;
  for (let seen = completed(dvm); ahead(position, seen) > 0; ) {
    const before = Atomics.compareExchange(control, CONTROL_DVM_COMPLETED, seen, position);
    if (before === seen) break;
    seen = before;
  }
  // Pairs with enterHazard(), which counts first and compares then: either it sees the completion, or we see it count.
  // The atomic access above comes last, so that plain loads may follow: this looks at every CPU there is.
  for (let cpu = 0, word = CPU_HAZARD; cpu < dvm.cpuCount; cpu++, word += CPU_WORDS) {
    const hazard = cpuWords[word]!;
    if ((hazard & 1) === 0 || cpu === self) continue;
    for (let spins = 1; Atomics.load(cpuWords, word) === hazard; spins++) relax(spins);
  }
}

/** The record removes an entry that translates `[start, end)` at `level` for `asid` (-1: global). */
export function removes(r: DvmRecord, start: number, end: number, level: number, asid: number): boolean {
  if ((r.flags & (TLBI_AUDIT | TLBI_VOID)) !== 0) return false;
  if ((r.flags & TLBI_ALL) !== 0) return true;
  if ((r.flags & TLBI_BY_ASID) !== 0) return asid === r.asid;
  if (asid !== -1 && (r.flags & TLBI_ANY_ASID) === 0 && asid !== r.asid) return false;
  if ((r.flags & TLBI_HINTED) !== 0 && ((r.flags >> TLBI_HINT_SHIFT) & 3) !== level) return false;
  return start < r.end && end > r.start;
}

/**
 * The record removes a cached descriptor of a table that translates `[start, end)`. `level`: the descriptor's own.
 * Such entries are never global; a level hint reaches the tables above its leaves.
 */
export function removesTable(r: DvmRecord, start: number, end: number, level: number, asid: number): boolean {
  if ((r.flags & (TLBI_AUDIT | TLBI_VOID | TLBI_LAST_LEVEL)) !== 0) return false;
  if ((r.flags & TLBI_ALL) !== 0) return true;
  if ((r.flags & TLBI_ANY_ASID) === 0 && asid !== r.asid) return false;
  if ((r.flags & TLBI_BY_ASID) !== 0) return true;
  if ((r.flags & TLBI_HINTED) !== 0 && level >= ((r.flags >> TLBI_HINT_SHIFT) & 3)) return false;
  return start < r.end && end > r.start;
}
