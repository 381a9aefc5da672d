import {
  RIGHT_EL1_EXECUTE,
  RIGHT_EL1_READ,
  RIGHT_EL1_READ_PAN,
  RIGHT_EL1_WRITE,
  RIGHT_EL1_WRITE_PAN,
} from '../arch/permission.ts';
import { TLBI, type TlbiName } from '../arch/tlbi.ts';
import { decodeRangeOperand, decodeVaOperand } from '../arch/tlbi-operand.ts';
import { AMALGAM, enterHazard, FIXMAP, leaveHazard, translate, translateOnce } from './access.ts';
import { DRAINS, DSBS, FAULTS, IPIS, ISBS, POINTS, TLBIS } from './counters.ts';
import { CONTROL_ROOTS_EPOCH, type Cpu, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT, resetCpu } from './cpu.ts';
import {
  CPU_POWER,
  CPU_PROGRESS,
  complete,
  type DvmRecord,
  issue,
  issued,
  TLBI_ALL,
  TLBI_ANY_ASID,
  TLBI_AUDIT,
  TLBI_BY_ASID,
  TLBI_HINT_SHIFT,
  TLBI_HINTED,
  TLBI_LAST_LEVEL,
} from './dvm.ts';
import { setPending } from './frame.ts';
import { interruptDue, raise } from './interrupt.ts';
import { CPU_WORDS } from './layout.ts';
import { applyRecord, applyUpTo, catchUp, overtaken } from './maintenance.ts';
import { appendMark } from './mark-log.ts';
import { compareExchange, exchange, fetchAdd, frameOf, isTableWord, read, wordOf } from './memory.ts';
import type { Op, Point, PointKind } from './op.ts';
import { regimeOf, type TranslationRegisters } from './regime.ts';
import { drainAll, drainOne, forwarded, isFull, pushStore } from './store-buffer.ts';
import { note } from './trace.ts';

/**
 * The instructions every protocol is built from. Each yields a point before it does what others can see. On threads the
 * point is not yielded (the CPU just goes on), but for waits, halts and due interrupts.
 */

/** What to yield before an instruction: the point under a scheduler, a due interrupt on threads, mostly nothing. */
function boundary(cpu: Cpu, kind: PointKind, address: number): Point | undefined {
  cpu.counts[POINTS]!++;
  if (cpu.controlled) return at(cpu, kind, address);
  if (--cpu.credit >= 0) return undefined;
  cpu.breathe(cpu);
  return interruptDue(cpu) ? at(cpu, 'preempt', address) : undefined;
}

function at(cpu: Cpu, kind: PointKind, address: number): Point {
  cpu.point.kind = kind;
  cpu.point.address = address;
  return cpu.point;
}

const readRight = (cpu: Cpu): number => (cpu.pan ? RIGHT_EL1_READ_PAN : RIGHT_EL1_READ);
const writeRight = (cpu: Cpu): number => (cpu.pan ? RIGHT_EL1_WRITE_PAN : RIGHT_EL1_WRITE);

/** A 64-bit load. `va`: 8-byte aligned. A fault nobody handles halts the CPU. */
export function* load(cpu: Cpu, va: number): Op<bigint> {
  const stop = boundary(cpu, 'load', va);
  if (stop !== undefined) yield stop;
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, readRight(cpu));
    const value = pa < 0 ? 0n : (forwarded(cpu.stores, pa) ?? read(cpu.memory, pa));
    if (overtaken(cpu)) continue;
    if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
    return value;
  }
}

/** A load-exclusive, or WFE's companion: arms the monitor on the word, so that `wfe` waits for it to change. */
export function* loadExclusive(cpu: Cpu, va: number): Op<bigint> {
  const value = yield* load(cpu, va);
  const pa = translate(cpu, va, readRight(cpu));
  cpu.monitorWord = pa < 0 ? -1 : wordOf(cpu.memory, pa) * 2;
  cpu.monitorValue = Number(BigInt.asIntN(32, value));
  return value;
}

/** A 64-bit store: into the store buffer where it changes a table page, else visible at once. */
export function* store(cpu: Cpu, va: number, value: bigint): Op {
  const stop = boundary(cpu, 'store', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  if (isTableWord(cpu.memory, pa)) {
    makeRoom(cpu);
    pushStore(cpu.stores, pa, value);
    cpu.step = note(cpu.trace, 'buffered', 0, va, value, pa);
    leaveHazard(cpu);
    if (cpu.choose(2, 'drain') === 1) drainSome(cpu);
  } else {
    exchange(cpu.memory, pa, value);
    cpu.step = note(cpu.trace, 'store', 0, va, value, pa);
    leaveHazard(cpu);
    wake(cpu, pa);
  }
}

/** LDADD: adds to the word, returns what was there. Not for table pages. */
export function* loadAdd(cpu: Cpu, va: number, addend: bigint): Op<bigint> {
  const stop = boundary(cpu, 'rmw', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const before = fetchAdd(cpu.memory, pa, addend);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'rmw', 0, va, before + addend, pa);
  wake(cpu, pa);
  return before;
}

/** CAS: stores `value` if the word holds `expected`; returns what was there. Table pages: drains first, visible at once. */
export function* compareAndSwap(cpu: Cpu, va: number, expected: bigint, value: bigint): Op<bigint> {
  const stop = boundary(cpu, 'rmw', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  drainEverything(cpu);
  const before = compareExchange(cpu.memory, pa, expected, value);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'rmw', before === expected ? 1 : 0, va, value, pa);
  if (before === expected) {
    if (isTableWord(cpu.memory, pa)) cpu.visible(pa, before, value);
    else wake(cpu, pa);
  }
  return before;
}

/** Translates for a write and enters the hazard that a DSB elsewhere waits for; the caller leaves it. */
function* writable(cpu: Cpu, va: number): Op<number> {
  for (;;) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, writeRight(cpu));
    if (pa < 0) {
      if (overtaken(cpu)) continue;
      yield* die(cpu, va, -pa, writeRight(cpu));
    }
    if (isAstray(cpu, va, pa)) yield* halt(cpu, 'a store through an amalgamated translation');
    if (enterHazard(cpu)) return pa;
  }
}

/** A mixture of two translations led the store to memory that nobody backs; the mixture has been reported. */
function isAstray(cpu: Cpu, va: number, pa: number): boolean {
  return cpu.mmuOn && va < FIXMAP && cpu.way === AMALGAM && wordOf(cpu.memory, pa) < 0;
}

/**
 * Fills the whole table page at `va` by plain stores: entry i gets `first + i * stepBytes`. One step, for nobody can
 * reach the page yet; until this CPU's next barrier walkers may or may not see it.
 */
export function* fillTable(cpu: Cpu, va: number, first: bigint, stepBytes: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const { memory } = cpu;
  makeRoom(cpu);
  fillWords(memory.halves, wordOf(memory, pa) * 2, memory.pageBytes / 8, first, stepBytes);
  setPending(memory, frameOf(memory, pa), cpu.id);
  pushStore(cpu.stores, pa, 0n, 1);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'filled-table', memory.pageBytes / 8, va, first, pa);
}

/**
 * Stores `count` neighbouring entries that were all invalid, as `fillTable` does but into a table that may be linked:
 * first-time entries need no order among themselves. Throws if one was valid: that is a change, and needs `store`.
 */
export function* storeRun(cpu: Cpu, va: number, count: number, first: bigint, stepBytes: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const { memory } = cpu;
  const start = wordOf(memory, pa) * 2;
  for (let i = 0; i < count; i++)
    if ((memory.halves[start + 2 * i]! & 1) !== 0) throw new Error(`storeRun over a valid entry at ${va + 8 * i}`);
  fillWords(memory.halves, start, count, first, stepBytes);
  leaveHazard(cpu);
  cpu.step = note(cpu.trace, 'filled-table', count, va, first, pa);
}

/** Writes `count` descriptors whose output address grows by `stepBytes`, as halves: the fastest way there is. */
export function fillWords(halves: Uint32Array, start: number, count: number, first: bigint, stepBytes: number): void {
  let lo = Number(first & 0xffff_ffffn);
  let hi = Number(first >> 32n);
  const stepLow = stepBytes % 2 ** 32;
  const stepHigh = Math.floor(stepBytes / 2 ** 32);
  for (let i = start, end = start + 2 * count; i < end; i += 2) {
    halves[i] = lo;
    halves[i + 1] = hi;
    lo += stepLow;
    hi += stepHigh;
    if (lo >= 2 ** 32) {
      lo -= 2 ** 32;
      hi += 1;
    }
  }
}

/** Zeroes the table page at `va`, visible at once: for pages fresh from the allocator. */
export function* clearPage(cpu: Cpu, va: number): Op {
  yield* storeZeroes(cpu, va);
}

function* storeZeroes(cpu: Cpu, va: number): Op {
  const stop = boundary(cpu, 'fill-table', va);
  if (stop !== undefined) yield stop;
  const pa = yield* writable(cpu, va);
  const start = wordOf(cpu.memory, pa) * 2;
  cpu.memory.halves.fill(0, start, start + cpu.memory.pageBytes / 4);
  leaveHazard(cpu);
}

export type Barrier = 'ish' | 'ishst' | 'nsh' | 'nshst';

/**
 * DSB. Every form makes this CPU's stores visible. The forms for all accesses also complete its TLBIs: `ish` broadcast
 * and local ones, `nsh` the local ones.
 */
export function* dsb(cpu: Cpu, barrier: Barrier): Op {
  const stop = boundary(cpu, 'dsb', 0);
  if (stop !== undefined) yield stop;
  cpu.counts[DSBS]!++;
  drainEverything(cpu);
  if (barrier === 'ish' || barrier === 'nsh') {
    for (const local of cpu.ownLocal) applyRecord(cpu, local);
    if (cpu.ownLocal.length > 0) cpu.observer.tlbisCompleted(cpu, cpu.ownLocal, false);
    cpu.ownLocal.length = 0;
  }
  if (barrier === 'ish' && cpu.ownBroadcast.length > 0) {
    complete(cpu.dvm, cpu.id, cpu.ownTicket, cpu.relax);
    applyUpTo(cpu, issued(cpu.dvm));
    cpu.observer.tlbisCompleted(cpu, cpu.ownBroadcast, true);
    cpu.ownBroadcast.length = 0;
  }
  cpu.step = note(cpu.trace, 'dsb', BARRIERS.indexOf(barrier), 0, 0n);
}

export const BARRIERS: readonly Barrier[] = ['ish', 'ishst', 'nsh', 'nshst'];

/** ISB: writes to translation registers take effect. */
export function* isb(cpu: Cpu): Op {
  const stop = boundary(cpu, 'isb', 0);
  if (stop !== undefined) yield stop;
  cpu.counts[ISBS]!++;
  synchroniseContext(cpu);
  note(cpu.trace, 'isb', 0, 0, 0n);
}

function synchroniseContext(cpu: Cpu): void {
  const switched = cpu.unsynchronised0 !== undefined || (!cpu.mmuOn && (cpu.sysregs.SCTLR_EL1 & 1n) !== 0n);
  if (!switched) return;
  if (cpu.unsynchronised0 !== undefined) {
    cpu.regime0 = cpu.unsynchronised0;
    cpu.unsynchronised0 = undefined;
    cpu.doubles[ROOT0] = cpu.regime0.root;
    cpu.doubles[ROOT0_NEXT] = -1;
  }
  if (cpu.unsynchronised1 !== undefined) {
    cpu.regime1 = cpu.unsynchronised1;
    cpu.unsynchronised1 = undefined;
    cpu.doubles[ROOT1] = cpu.regime1.root;
    cpu.doubles[ROOT1_NEXT] = -1;
  }
  if ((cpu.sysregs.SCTLR_EL1 & 1n) !== 0n) cpu.mmuOn = true;
  Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
}

/** MSR to a translation register: in force from the next context synchronisation event at the latest. */
export function* msr(cpu: Cpu, register: keyof TranslationRegisters, value: bigint): Op {
  const stop = boundary(cpu, 'msr', 0);
  if (stop !== undefined) yield stop;
  cpu.sysregs = { ...cpu.sysregs, [register]: value };
  if (register !== 'SCTLR_EL1') {
    cpu.unsynchronised0 = regimeOf(cpu.sysregs, 0, cpu.features);
    cpu.unsynchronised1 = regimeOf(cpu.sysregs, 1, cpu.features);
    cpu.doubles[ROOT0_NEXT] = cpu.unsynchronised0.root;
    cpu.doubles[ROOT1_NEXT] = cpu.unsynchronised1.root;
    Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
  }
  cpu.step = note(cpu.trace, 'msr', REGISTERS.indexOf(register), 0, value);
}

export const REGISTERS: readonly (keyof TranslationRegisters)[] = [
  'TCR_EL1',
  'TTBR0_EL1',
  'TTBR1_EL1',
  'MAIR_EL1',
  'SCTLR_EL1',
];

/** TLBI. Broadcast forms go to the shared log; local ones act on this CPU alone, at once or by its next DSB. */
export function* tlbi(cpu: Cpu, name: TlbiName, operand = 0n): Op {
  const stop = boundary(cpu, 'tlbi', 0);
  if (stop !== undefined) yield stop;
  const record = tlbiRecord(cpu, name, operand);
  cpu.counts[TLBIS]!++;
  cpu.step = note(cpu.trace, 'tlbi', TLBI_NAMES.indexOf(name), record.start, operand, record.end);
  if (TLBI[name].broadcast) {
    cpu.ownTicket = issue(cpu.dvm, cpu.id, record.flags, record.start, record.end, record.asid);
    cpu.ownBroadcast.push(record);
  } else {
    if (cpu.choose(2, 'deliver') === 0) applyRecord(cpu, record);
    cpu.ownLocal.push(record);
  }
  cpu.observer.tlbiIssued(cpu, record);
}

export const TLBI_NAMES = Object.keys(TLBI) as TlbiName[];

function tlbiRecord(cpu: Cpu, name: TlbiName, operand: bigint): DvmRecord {
  const operation = TLBI[name];
  const record: DvmRecord = { flags: 0, start: 0, end: 0, asid: 0, issuer: cpu.id, position: issued(cpu.dvm) };
  if (operation.lastLevelOnly) record.flags |= TLBI_LAST_LEVEL;
  if (!operation.byVa) {
    record.flags |= operation.allAsid ? TLBI_ALL : TLBI_BY_ASID;
    if (!operation.allAsid) record.asid = Number(operand >> 48n);
    record.start = -(2 ** 52);
    record.end = 2 ** 52;
    return record;
  }
  const extent = operation.range ? decodeRangeOperand(operand) : decodeVaOperand(operand);
  record.start = extent.start;
  record.end = extent.end;
  record.asid = extent.asid;
  if (operation.allAsid) record.flags |= TLBI_ANY_ASID;
  if (extent.ttl !== 0) record.flags |= TLBI_HINTED | (extent.ttl << TLBI_HINT_SHIFT);
  return record;
}

/** SEVL: sets this CPU's own event register. */
export function sevl(cpu: Cpu): void {
  cpu.eventRegister = true;
}

/** WFE: returns at once if the event register is set, else when the monitored word changes. May return early. */
export function* wfe(cpu: Cpu, reason: string): Op {
  if (cpu.eventRegister) {
    cpu.eventRegister = false;
    return;
  }
  yield* waitForWord(cpu, cpu.monitorWord, cpu.monitorValue, reason);
}

/** WFI: returns when an interrupt is pending, masked or not. */
export function* wfi(cpu: Cpu, reason: string): Op {
  const word = (cpu.words.byteOffset >> 2) + CPU_IRQ_PENDING_WORD;
  if (Atomics.load(cpu.memory.int32, word) === 0) yield* waitForWord(cpu, word, 0, reason);
  if (interruptDue(cpu)) yield at(cpu, 'preempt', 0);
}

const CPU_IRQ_PENDING_WORD = 3;

/** A polite spin: returns once the word at `va` may no longer hold `seen`. */
export function* relaxWhile(cpu: Cpu, va: number, seen: bigint, reason: string): Op {
  const pa = translate(cpu, va, readRight(cpu));
  if (pa < 0) yield* die(cpu, va, -pa, readRight(cpu));
  yield* waitForWord(cpu, wordOf(cpu.memory, pa) * 2, Number(BigInt.asIntN(32, seen)), reason, va);
}

/** Waits until 32-bit word `word` of the machine no longer holds `expected`. */
export function* waitForWord(cpu: Cpu, word: number, expected: number, reason: string, va = 0): Op {
  const { point } = cpu;
  point.kind = 'wait';
  point.address = va;
  point.word = word;
  point.expected = expected;
  point.reason = reason;
  yield point;
  cpu.words[CPU_PROGRESS]!++;
}

/** Sends an inter-processor interrupt. */
export function* sendIpi(cpu: Cpu, target: number, bits: number): Op {
  const stop = boundary(cpu, 'ipi', target);
  if (stop !== undefined) yield stop;
  cpu.counts[IPIS]!++;
  cpu.step = note(cpu.trace, 'ipi', target, 0, BigInt(bits));
  raise(cpu, target, bits);
}

/** PSCI CPU_ON: the target starts its reset program. */
export function* cpuOn(cpu: Cpu, target: number): Op {
  const stop = boundary(cpu, 'ipi', target);
  if (stop !== undefined) yield stop;
  const word = target * CPU_WORDS + CPU_POWER;
  Atomics.store(cpu.dvm.cpuWords, word, 1);
  Atomics.notify(cpu.dvm.cpuWords, word);
}

/** PSCI CPU_OFF: caches nothing, walks nothing, and does not come back. */
export function* cpuOff(cpu: Cpu): Op {
  const stop = boundary(cpu, 'ipi', cpu.id);
  if (stop !== undefined) yield stop;
  drainEverything(cpu);
  resetCpu(cpu);
  Atomics.store(cpu.words, CPU_POWER, 0);
  Atomics.notify(cpu.words, CPU_POWER);
}

/** PSCI AFFINITY_INFO: waits until the target is off. */
export function* waitUntilOff(cpu: Cpu, target: number): Op {
  const word = (cpu.dvm.cpuWords.byteOffset >> 2) + target * CPU_WORDS + CPU_POWER;
  while (Atomics.load(cpu.memory.int32, word) !== 0) yield* waitForWord(cpu, word, 1, `CPU ${target} to be off`);
}

/** Executes from `va` on: the fetch must be allowed. */
export function* branchTo(cpu: Cpu, va: number): Op {
  const stop = boundary(cpu, 'fetch', va);
  if (stop !== undefined) yield stop;
  const pa = translate(cpu, va, RIGHT_EL1_EXECUTE);
  if (pa < 0) yield* die(cpu, va, -pa, RIGHT_EL1_EXECUTE);
}

/** A milestone of a protocol: an event of the CPU's chart. `mark`: its number in the machine's list. */
export function mark(cpu: Cpu, number: number): void {
  cpu.step = note(cpu.trace, 'mark', number, 0, 0n);
  cpu.words[CPU_PROGRESS]!++;
  appendMark(cpu.markLog, cpu.id, number, cpu.nowMs());
  cpu.onMark(number);
}

/**
 * The kernel's promise that from here on nobody uses translations of `[start, end)` that were replaced before. Not an
 * instruction of the machine: it is how a protocol states what its flush was for, so that the claim can be checked.
 */
export function announce(cpu: Cpu, name: string, start: number, end: number): void {
  cpu.observer.announced(cpu, name, start, end);
  issue(cpu.dvm, cpu.id, TLBI_AUDIT, start, end, 0);
}

/** An exception that nobody handles: the CPU never runs again. */
function* die(cpu: Cpu, va: number, code: number, right: number): Op<never> {
  cpu.counts[FAULTS]!++;
  cpu.step = note(cpu.trace, 'fault', code, va, BigInt(right));
  cpu.observer.faultTaken(cpu, va, code, right);
  yield* halt(cpu, 'an exception that nobody handles');
  throw new Error('a halted CPU was run again');
}

/** Stops this CPU for good: `panic()`. */
export function* halt(cpu: Cpu, reason: string): Op {
  for (;;) {
    cpu.point.kind = 'halt';
    cpu.point.reason = reason;
    yield cpu.point;
  }
}

function wake(cpu: Cpu, pa: number): void {
  Atomics.notify(cpu.memory.int32, wordOf(cpu.memory, pa) * 2);
}

/** Makes one buffered store visible, whichever the hardware likes. */
export function drainSome(cpu: Cpu): void {
  const count = cpu.stores.count[0]!;
  if (count === 0) return;
  cpu.counts[DRAINS]!++;
  drainOne(cpu.stores, cpu.memory, count > 1 ? cpu.choose(count, 'drain') : 0, cpu.visible);
}

function makeRoom(cpu: Cpu): void {
  while (isFull(cpu.stores)) drainSome(cpu);
}

function drainEverything(cpu: Cpu): void {
  if (cpu.stores.count[0] === 0) return;
  cpu.counts[DRAINS]! += drainAll(cpu.stores, cpu.memory, (count) => cpu.choose(count, 'drain'), cpu.visible);
}
