import { type CpuModel, physicalAddressBits } from './board/board.ts';
import type { Choose } from './chooser.ts';
import { attachCounters } from './counters.ts';
import { clearPending } from './memory/frame.ts';
import type { TextMaintenance } from './memory/instruction-memory.ts';
import { CPU_DOUBLES, CPU_WORDS, type Layout } from './memory/layout.ts';
import { attachMarkLog, type MarkLog } from './memory/mark-log.ts';
import { FRAME_PENDING, type Memory, type WalkerPort, walkerPort } from './memory/memory.ts';
import { tableWordVisible } from './memory/table-word.ts';
import { nobody, type Observer } from './observer.ts';
import { newPoint, type Point } from './op.ts';
import { newProgress, type Progress } from './progress.ts';
import { attachStoreBuffer, type StoreBuffer, type Visible } from './store-buffer/store-buffer.ts';
import type { StoreRun } from './store-buffer/store-run.ts';
import { attachDvm, CPU_BBM, type Dvm, type DvmRecord, record } from './tlbi/dvm.ts';
import { attachTrace, type Trace } from './trace.ts';
import { forgetEarly, ROOT1_CACHED, SEEN_BY_OWN_WALKER, TLB_AS_AT_RESET } from './translation/early-translation.ts';
import { type Regime, regimesOf, type TranslationRegisters } from './translation/regime.ts';
import { attachTlb, resetTlb, type Tlb } from './translation/tlb.ts';
import { attachWalkCache, resetWalkCache, type WalkCache } from './translation/walk-cache.ts';
import { newWalk, type Walk } from './translation/walker.ts';

/**
 * One CPU as its own driver sees it: views on its part of the machine's buffer, and what it keeps privately. Parts of
 * the hardware are given the pieces they need; instructions get the whole CPU.
 */
export interface Cpu {
  readonly id: number;
  readonly model: CpuModel;
  readonly memory: Memory;
  readonly layout: Layout;
  readonly dvm: Dvm;
  readonly tlb: Tlb;
  readonly walkCache: WalkCache;
  readonly stores: StoreBuffer;
  /** Runs of table entries that wait among the buffered stores. */
  readonly runs: StoreRun[];
  readonly port: WalkerPort;
  readonly walk: Walk;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** The doubles of all CPUs, `CPU_DOUBLES` each. */
  readonly allDoubles: Float64Array;
  readonly counts: Float64Array;
  /** How the watchdog knows that this CPU gets somewhere. */
  readonly progress: Progress;
  readonly trace: Trace;
  readonly markLog: MarkLog;
  readonly choose: Choose;
  readonly observer: Observer;
  readonly hints: Float64Array;
  /** True under a scheduler that controls everything: every point is yielded. On threads only waits are. */
  readonly controlled: boolean;
  /** Asked by a controlled CPU at each point: true where nobody else acts first, so that it need not yield. */
  readonly goesOn: () => boolean;
  readonly point: Point;
  /** Where marks go: their number in the machine's list. */
  readonly onMark: (mark: number) => void;
  /** The driver's clock, for the times of marks; 0 where time does not exist. */
  readonly nowMs: () => number;
  /** Called by a CPU on threads that has run `credit` instructions: noise, control words. Sets a new credit. */
  readonly breathe: (cpu: Cpu) => void;
  /** Called around long bursts on threads: a host with few cores lets only so many CPUs burst at once. */
  readonly burst: { readonly begin: () => void; readonly end: () => void };
  /** Called while a DSB waits for another CPU's access to finish. */
  readonly relax: (spins: number) => void;
  /** Told of each of this CPU's table words as it becomes visible. */
  readonly visible: Visible;
  /** The translation regime that these registers make on this CPU. */
  readonly regimes: (registers: TranslationRegisters, side: 0 | 1) => Regime;
  /** The translation registers as last written. */
  sysregs: TranslationRegisters;
  credit: number;
  mmuOn: boolean;
  /** The translation regimes in force, and those a write to TTBRn_EL1 put there but no ISB has synchronised. */
  regime0: Regime | undefined;
  regime1: Regime | undefined;
  unsynchronised0: Regime | undefined;
  unsynchronised1: Regime | undefined;
  asid: number;
  pan: boolean;
  irqMasked: boolean;
  eventRegister: boolean;
  /** The 32-bit word a load-exclusive armed the monitor on (-1: none), and what it held. */
  monitorWord: number;
  monitorValue: number;
  /** TLBIs of this CPU that no DSB has completed: broadcast and local ones. */
  readonly ownBroadcast: DvmRecord[];
  readonly ownLocal: DvmRecord[];
  /** Cache maintenance of this CPU for text that no DSB has completed. */
  readonly ownText: TextMaintenance[];
  ownTicket: number;
  /** Virtual addresses of its last accesses: what its prefetcher finds interesting. */
  lastVa: number;
  /** The step of its last DSB. */
  orderedStep: number;
  /** The step of its last trace record: when its TLB entries were filled. */
  step: number;
  readonly scratch: DvmRecord;
  /** Result of the last successful translation. */
  way: number;
}

/** Words of `doubles`; four more are those of context.ts. */
export const ROOT0 = 0;
export const ROOT1 = 1;
export const WAIT_ADDRESS = 2;
export const WAIT_VALUE = 3;
/** Roots that a write to TTBRn_EL1 installed and no ISB has synchronised; -1: none. */
export const ROOT0_NEXT = 4;
export const ROOT1_NEXT = 5;

/** Word of `memory.control` that counts changes of any CPU's roots. */
export const CONTROL_ROOTS_EPOCH = 16;

const NO_REGISTERS: TranslationRegisters = {
  TCR_EL1: 0n,
  TTBR0_EL1: 0n,
  TTBR1_EL1: 0n,
  MAIR_EL1: 0n,
  SCTLR_EL1: 0n,
};

export interface CpuOptions {
  readonly choose: Choose;
  readonly controlled: boolean;
  readonly goesOn?: () => boolean;
  readonly observer?: Observer;
  readonly onMark?: (mark: number) => void;
  readonly breathe?: (cpu: Cpu) => void;
  readonly burst?: { readonly begin: () => void; readonly end: () => void };
  readonly relax?: (spins: number) => void;
  readonly nowMs?: () => number;
}

export function attachCpu(memory: Memory, layout: Layout, id: number, model: CpuModel, options: CpuOptions): Cpu {
  const { buffer } = memory;
  const { choose } = options;
  const words = new Int32Array(buffer, layout.cpuWords + id * CPU_WORDS * 4, CPU_WORDS);
  const sees = (frame: number): boolean => {
    if (memory.frameMeta[frame * 4 + FRAME_PENDING] === 0) return true;
    if (choose(2, 'visibility') === 1) return false;
    clearPending(memory, frame);
    return true;
  };
  const cpu: Cpu = {
    id,
    model,
    memory,
    layout,
    dvm: attachDvm(memory, layout),
    tlb: attachTlb(buffer, layout, id, model.tlb),
    walkCache: attachWalkCache(buffer, layout, id, model.walkCache),
    stores: attachStoreBuffer(buffer, layout, id, model.storeBuffer),
    runs: [],
    port: walkerPort(memory, sees),
    walk: newWalk(),
    words,
    progress: newProgress(words),
    doubles: new Float64Array(buffer, layout.cpuDoubles + id * CPU_DOUBLES * 8, CPU_DOUBLES),
    allDoubles: new Float64Array(buffer, layout.cpuDoubles, layout.cpuCount * CPU_DOUBLES),
    counts: attachCounters(buffer, layout, id),
    trace: attachTrace(memory, layout, id),
    markLog: attachMarkLog(memory, layout),
    hints: new Float64Array(buffer, layout.hints, layout.hintRecords),
    choose,
    observer: options.observer ?? nobody,
    controlled: options.controlled,
    goesOn: options.goesOn ?? (() => false),
    point: newPoint(),
    onMark: options.onMark ?? (() => {}),
    nowMs: options.nowMs ?? (() => 0),
    burst: options.burst ?? { begin() {}, end() {} },
    breathe: options.breathe ?? (() => {}),
    relax: options.relax ?? (() => {}),
    visible: (pa, before, after) => tableWordVisible(cpu, pa, before, after),
    regimes: regimesOf({
      physicalAddressBits: physicalAddressBits(model),
      hpds: model.features.hpds,
      e0pd: model.features.e0pd,
      smallTables: false,
      epan: false,
      hafdbs: model.features.hafdbs,
    }),
    sysregs: NO_REGISTERS,
    credit: 0,
    mmuOn: false,
    regime0: undefined,
    regime1: undefined,
    unsynchronised0: undefined,
    unsynchronised1: undefined,
    asid: 0,
    pan: false,
    irqMasked: true,
    eventRegister: false,
    monitorWord: -1,
    monitorValue: 0,
    ownBroadcast: [],
    ownLocal: [],
    ownText: [],
    ownTicket: 0,
    lastVa: 0,
    orderedStep: 0,
    step: 0,
    scratch: record(),
    way: -1,
  };
  return cpu;
}

/** Power-on: nothing cached, translation off, interrupts masked. */
export function resetCpu(cpu: Cpu): void {
  resetTlb(cpu.tlb);
  resetWalkCache(cpu.walkCache);
  cpu.stores.count[0] = 0;
  cpu.runs.length = 0;
  cpu.mmuOn = false;
  cpu.regime0 = undefined;
  cpu.regime1 = undefined;
  cpu.unsynchronised0 = undefined;
  cpu.unsynchronised1 = undefined;
  cpu.sysregs = NO_REGISTERS;
  cpu.irqMasked = true;
  cpu.eventRegister = false;
  cpu.monitorWord = -1;
  for (const root of [ROOT0, ROOT1, ROOT0_NEXT, ROOT1_NEXT, ROOT1_CACHED]) cpu.doubles[root] = -1;
  forgetEarly(cpu);
  cpu.doubles[SEEN_BY_OWN_WALKER] = 0;
  cpu.doubles[TLB_AS_AT_RESET] = 1;
  Atomics.store(cpu.words, CPU_BBM, classNumber(cpu.model));
  Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
}

const CLASSES = ['level0', 'level1', 'level2', 'level2-noabort', 'level3'] as const;

/** The BBM class as a number for the shared words: 0 is the weakest. */
export function classNumber(model: CpuModel): number {
  return CLASSES.indexOf(model.conflicts);
}
