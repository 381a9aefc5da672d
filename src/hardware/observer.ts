import type { Cpu } from './cpu.ts';
import type { DvmRecord } from './tlbi/dvm.ts';
import type { Regime } from './translation/regime.ts';

/** A lock as the kernel speaks of it: which class it belongs to, by number, and which of that class it is, by its address. */
export interface LockUse {
  readonly lockClass: number;
  readonly va: number;
  /** Taken for reading, together with others. */
  readonly shared: boolean;
}

/** What keeps a CPU from sleeping, in the kernel's words: who disabled preemption, innermost first, and interrupts. */
export interface AtomicContext {
  readonly preemptDisabledBy: readonly string[];
  readonly irqsDisabledBy: string | undefined;
}

/** What a kernel says that it has made of every translation of `[start, end)`: bits of the leaf that are set, and clear. */
export interface Promised {
  readonly start: number;
  readonly end: number;
  readonly set: bigint;
  readonly clear: bigint;
}

/**
 * What the hardware tells whoever watches it. All calls are rare events; none happens on a plain TLB hit. The watcher
 * (floor check) never changes the machine.
 */
export interface Observer {
  /** A table word became visible to walkers. */
  tableWordVisible(cpu: Cpu, pa: number, before: bigint, after: bigint): void;
  tlbiIssued(cpu: Cpu, record: DvmRecord): void;
  /** A write to TTBRn_EL1 lets the CPU's walker begin at another root than the one in force: that of `regime`. */
  rootWritten(cpu: Cpu, regime: Regime): void;
  /** A write to SCTLR_EL1 turns translation on, which was off since the CPU got power. */
  translationOn(cpu: Cpu): void;
  /** A DSB has completed these TLBIs of `cpu` (broadcast ones everywhere, local ones on this CPU). */
  tlbisCompleted(cpu: Cpu, records: readonly DvmRecord[], broadcast: boolean): void;
  /** Several entries match `va`; `outcome` is what this CPU made of it (`pa` is what it will use, if it goes on). */
  multipleMatch(cpu: Cpu, va: number, outcome: 'abort' | 'one' | 'amalgam', pa: number): void;
  /** A hit on an entry that an announcement has declared out of use. */
  withdrawnUse(cpu: Cpu, va: number, way: number): void;
  /** A walk for `va`, not overtaken by any completion, read the page at `pa`, which is not an allocated table. */
  freedWalk(cpu: Cpu, va: number, pa: number): void;
  /**
   * A walk in software for `va` has just read the entry at `pa`. `generation`: of the table that it is in, when the walk read
   * the way to it; -1: it was no allocated table even then.
   */
  tableRead(cpu: Cpu, va: number, pa: number, generation: number): void;
  /** The table page at `pa` is about to be given back. */
  tableFreed(cpu: Cpu, pa: number): void;
  /** A synchronous exception, before anybody handles it. `code` as in arch/fault. */
  faultTaken(cpu: Cpu, va: number, code: number, right: number): void;
  /** `by` says that a range is from here on as it was asked to make it, for every walker. */
  promised(cpu: Cpu, by: string, promised: Promised): void;
  /** A WARN of the kernel's function `by`: `why`, at `va`. */
  warned(cpu: Cpu, by: string, why: string, va: number): void;
  /**
   * The kernel announces that nobody uses translations of `[start, end)` replaced before now. `asid`: only those of this
   * one; undefined: of all.
   */
  announced(cpu: Cpu, name: string, start: number, end: number, asid: number | undefined): void;
  /** A store has gone through to the page at `va`, whose word lies at `pa`. No completion of a TLBI has overtaken it. */
  pageWritten(cpu: Cpu, va: number, pa: number): void;
  /**
   * The kernel has taken back all translations of the pages `[pa, pa + bytes)`, or the right to write through them, and goes
   * by their dirty state alone: `dirty` or not, whoever needs what they hold.
   */
  dirtyCollected(cpu: Cpu, pa: number, bytes: number, dirty: boolean): void;
  /** A program found that `va` translates to `found` (a physical address, or a negated fault code), not to `expected`. */
  promiseBroken(cpu: Cpu, va: number, expected: number, found: number): void;
  /** The kernel is about to take a lock, and may have to wait for it. */
  lockAcquire(cpu: Cpu, lock: LockUse): void;
  /** The kernel is about to give a lock back. */
  lockRelease(cpu: Cpu, lock: LockUse): void;
  /** The kernel calls `what`, which may sleep; `context` is where it is called from. */
  mightSleep(cpu: Cpu, what: string, context: AtomicContext): void;
}

/** Watches nothing. */
export const nobody: Observer = {
  tableWordVisible() {},
  tlbiIssued() {},
  rootWritten() {},
  translationOn() {},
  tlbisCompleted() {},
  multipleMatch() {},
  withdrawnUse() {},
  freedWalk() {},
  tableRead() {},
  tableFreed() {},
  faultTaken() {},
  announced() {},
  promised() {},
  warned() {},
  pageWritten() {},
  dirtyCollected() {},
  promiseBroken() {},
  lockAcquire() {},
  lockRelease() {},
  mightSleep() {},
};
