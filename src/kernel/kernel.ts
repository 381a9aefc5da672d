import type { Board, CpuModel, MemoryBank } from '../hardware/board/board.ts';
import type { Cpu } from '../hardware/cpu.ts';
import type { CodePages } from '../hardware/instruction/code-page.ts';
import { mark as markNumber } from '../hardware/instruction/milestone.ts';
import type { Layout } from '../hardware/memory/layout.ts';
import type { Op } from '../hardware/op.ts';
import { type AddressSpace, addressSpaceOf, imageVa } from './address-space.ts';
import type { CpuHotplugText } from './boot/cpu-hotplug.ts';
import type { EarlyText } from './boot/early.ts';
import type { StopMachineText } from './boot/stop-machine.ts';
import { swiotlbPool } from './boot/swiotlb.ts';
import type { KernelConfig, Revision } from './config.ts';
import type { ExecmemText } from './execmem/execmem.ts';
import { execmemRam } from './execmem/execmem-ram.ts';
import type { ResumeText } from './hibernate/resume.ts';
import type { SnapshotText } from './hibernate/snapshot.ts';
import type { CollapseText } from './linear-map/collapse.ts';
import { kfenceAllocPool, kfenceLatePool } from './linear-map/kfence.ts';
import type { LinearMapText } from './linear-map/linear-map.ts';
import type { MemoryHotplugText } from './linear-map/memory-hotplug.ts';
import type { PageattrText } from './linear-map/pageattr.ts';
import type { RealmText } from './linear-map/realm.ts';
import type { SplitText } from './linear-map/split-leaf.ts';
import type { TransPgdText } from './linear-map/trans-pgd.ts';
import { LOCK_NAMES } from './locking/lock-class.ts';
import { newTask } from './locking/task.ts';
import { MARK, type Mark } from './marks.ts';
import type { PatchingText } from './ptdump/patching.ts';
import type { PtdumpText } from './ptdump/ptdump-walk.ts';
import { STATIC_KEYS } from './ptdump/static-keys.ts';
import type { RepaintText } from './repaint/repaint.ts';
import type { LazyMmuText } from './tables/lazy-mmu.ts';
import type { TableFreeText } from './tables/table-free.ts';
import type { ContpteText } from './user/contpte.ts';
import type { MmText } from './user/mm.ts';
import type { UserTlbflushText } from './user/user-tlbflush.ts';
import type { KprobesText } from './vmalloc/kprobes.ts';
import type { SetMemoryText } from './vmalloc/set-memory.ts';
import type { VmallocText } from './vmalloc/vmalloc.ts';

/**
 * The kernel as one CPU runs it: configuration and addresses, which are the same everywhere, and this CPU's own
 * per-CPU state. Variables that CPUs share lie in the machine's memory, at the addresses in `symbols`.
 */
export interface Kernel {
  readonly board: Board;
  readonly config: KernelConfig;
  readonly space: AddressSpace;
  readonly symbols: Symbols;
  readonly text: KernelText;
  /** The pool that an early KFENCE took from memblock, before the linear map is made. Physical. */
  readonly kfencePool: MemoryBank | undefined;
  /** What a realm shares with its host while it boots; undefined: it is none, or has no room. Physical. */
  readonly swiotlb: MemoryBank | undefined;
  /** The pages that executable memory is made of; undefined: the board has no room for any. */
  readonly execmemRam: CodePages | undefined;
  /** Where the page allocator will find the pool of a KFENCE that is enabled late. Physical. */
  readonly kfenceLatePool: MemoryBank | undefined;
  readonly percpu: PerCpu;
}

/** The replaceable sentences of the kernel's text: a named bug is this record with one of them changed. */
export interface KernelText {
  readonly repaint: RepaintText;
  readonly split: SplitText;
  readonly pageattr: PageattrText;
  readonly realm: RealmText;
  readonly transPgd: TransPgdText;
  readonly snapshot: SnapshotText;
  readonly resume: ResumeText;
  readonly tableFree: TableFreeText;
  readonly lazyMmu: LazyMmuText;
  readonly stopMachine: StopMachineText;
  readonly cpuHotplug: CpuHotplugText;
  readonly memoryHotplug: MemoryHotplugText;
  readonly linearMap: LinearMapText;
  readonly early: EarlyText;
  readonly vmalloc: VmallocText;
  readonly setMemory: SetMemoryText;
  readonly kprobes: KprobesText;
  readonly execmem: ExecmemText;
  readonly mm: MmText;
  readonly userTlbflush: UserTlbflushText;
  readonly contpte: ContpteText;
  readonly collapse: CollapseText;
  readonly patching: PatchingText;
  readonly ptdump: PtdumpText;
  /** Linux: cpu_supports_bbml2_noabort(): does a CPU of this model qualify? */
  readonly cpuSupportsBbml2Noabort: (model: Pick<CpuModel, 'midr' | 'bbm'>, revision: Revision) => boolean;
  /** Linux: verify_local_cpu_caps(): may this late CPU come up? */
  readonly verifyLocalCpuCaps: (cpu: Cpu, k: Kernel) => Op<boolean>;
}

/** What the running task has of its own. */
export interface TaskState {
  /** TIF_LAZY_MMU and TIF_LAZY_MMU_PENDING. */
  lazyMmu: boolean;
  lazyMmuPending: boolean;
  /** Sections of lazy MMU mode that it is in, one inside the other. The flag knows one only. */
  lazyMmuDepth: number;
  /** Interrupt handlers that run on top of each other: 0 outside of any. */
  interruptDepth: number;
}

/** Per-CPU state that only its own CPU touches. */
export interface PerCpu extends TaskState {
  /** What disabled preemption and has not enabled it again, innermost first: as many as the preempt count. */
  readonly preemptDisabledBy: string[];
  /** A device's interrupt was taken whose handler has not run. */
  irqPending: boolean;
  /** PREEMPT_RT: the thread of that interrupt has begun and not ended. */
  irqThreadRuns: boolean;
  /** Softirqs were raised that have not run. */
  softirqPending: boolean;
  /** A thread was woken while preemption was disabled. */
  needResched: boolean;
  /** What masked interrupts, while they are masked. */
  irqsDisabledBy: string;
  /** Page-table pages that were taken while one could sleep, for where one cannot. */
  readonly reservedTables: number[];
  /** It was taken down, and its idle task is about to notice. */
  isOffline: boolean;
  /** What the stop_machine call that this CPU serves runs: its number in `STOP_FUNCTION`. */
  stopData: number;
}

/** Linked addresses of kernel variables (image addresses) and of the root tables (physical). */
export interface Symbols {
  readonly swapperPgDir: number;
  readonly reservedPgDir: number;
  readonly idmapPgDir: number;
  /** Physical pages for the idmap's own tables (idmap_ptes, bbml2_ptes). */
  readonly idmapTables: readonly number[];
  /** Physical page of .idmap.text, executed through its physical address. */
  readonly idmapText: number;
  /** Physical page of the variables. */
  readonly dataPage: number;
  /** The list of vmalloc areas: see vm-area.ts. */
  readonly vmAreas: number;
  /** The lists of the execmem cache: see execmem-areas.ts. */
  readonly execmemAreas: number;
  /** A page of kernel data that nobody uses: a scenario's own variables. */
  readonly scenarioPage: number;
  readonly variables: Readonly<Record<Variable, number>>;
}

/** Kernel variables, one 64-bit word each. Each lock is one, and each static key. */
export const VARIABLES = [
  'idmap_kpti_bbml2_flag',
  'linear_map_requires_bbml2',
  'cpu_hwcaps_bbml2_noabort',
  'page_alloc_available',
  'system_capabilities_finalized',
  'num_online_cpus',
  'system_state',
  'kfence_enabled',
  'cpu_going_down',
  'multi_stop_state',
  'multi_stop_thread_ack',
  'multi_stop_num_threads',
  'multi_stop_fn',
  'cpu_stop_done',
  'cpus_refused',
  'cpus_finished',
  'panic_cpu',
  'mmlist',
  'asid_last',
  'asid_free',
  'execmem_chunks',
  'execmem_work',
  'prot_ns_shared',
  ...LOCK_NAMES,
  ...STATIC_KEYS,
] as const;
export type Variable = (typeof VARIABLES)[number];

/** Frames of the image that back all this, by index. */
export const IMAGE_FRAME = {
  swapper: 0,
  reserved: 1,
  idmap: 2,
  idmapTables: 3,
  data: 12,
  execmemAreas: 20,
  execmemWords: 21,
  vmAreas: 22,
  scenario: 23,
} as const;
const IDMAP_TABLES = 8;
/** Each variable has a cache line of its own. */
const VARIABLE_STRIDE_BYTES = 64;

/** Per-CPU flag words follow the variables: whether the CPU is online, and its stopper's work. */
export function percpuVariable(k: Pick<Kernel, 'symbols'>, cpu: number, which: 'online' | 'stopWork'): number {
  const first = k.symbols.variables.idmap_kpti_bbml2_flag + VARIABLES.length * VARIABLE_STRIDE_BYTES;
  return first + cpu * 16 + (which === 'online' ? 0 : 8);
}

export function symbolsOf(layout: Layout, space: AddressSpace): Symbols {
  const pageBytes = 2 ** layout.pageShift;
  const frame = (index: number): number => layout.imagePa + index * pageBytes;
  const dataPage = frame(IMAGE_FRAME.data);
  const data = imageVa(space, dataPage);
  return {
    swapperPgDir: frame(IMAGE_FRAME.swapper),
    reservedPgDir: frame(IMAGE_FRAME.reserved),
    idmapPgDir: frame(IMAGE_FRAME.idmap),
    idmapTables: Array.from({ length: IDMAP_TABLES }, (_, i) => frame(IMAGE_FRAME.idmapTables + i)),
    idmapText: space.etext - pageBytes,
    dataPage,
    vmAreas: imageVa(space, frame(IMAGE_FRAME.vmAreas)),
    execmemAreas: imageVa(space, frame(IMAGE_FRAME.execmemAreas)),
    scenarioPage: imageVa(space, frame(IMAGE_FRAME.scenario)),
    variables: Object.fromEntries(
      VARIABLES.map((name, index) => [name, data + index * VARIABLE_STRIDE_BYTES]),
    ) as Record<Variable, number>,
  };
}

/** Physical address of a variable: how somebody outside the machine reads it. */
export function variablePa(k: Pick<Kernel, 'symbols'>, variable: Variable): number {
  const { variables, dataPage } = k.symbols;
  return dataPage + (variables[variable] - variables.idmap_kpti_bbml2_flag);
}

export function createKernel(board: Board, layout: Layout, config: KernelConfig, text: KernelText): Kernel {
  const space = addressSpaceOf(board);
  const symbols = symbolsOf(layout, space);
  const kfencePool = config.kfence === 'early' ? kfenceAllocPool(board, layout) : undefined;
  return {
    board,
    // Linux: without room for its pool kfence_early_init is false, and KFENCE may only be enabled late.
    config: config.kfence === 'early' && kfencePool === undefined ? { ...config, kfence: 'late' } : config,
    space,
    symbols,
    text,
    kfencePool,
    swiotlb: config.realm ? swiotlbPool(board, layout) : undefined,
    execmemRam: execmemRam(board, layout, layout.imagePa + IMAGE_FRAME.execmemWords * 2 ** layout.pageShift),
    kfenceLatePool: config.kfence === 'off' || kfencePool !== undefined ? undefined : kfenceLatePool(board, layout),
    percpu: {
      ...newTask(),
      preemptDisabledBy: [],
      irqPending: false,
      irqThreadRuns: false,
      softirqPending: false,
      reservedTables: [],
      needResched: false,
      irqsDisabledBy: 'power-on',
      isOffline: false,
      stopData: 0,
    },
  };
}

/** Marks a milestone by name. */
export function mark(cpu: Cpu, name: Mark): void {
  markNumber(cpu, MARK[name]);
}
