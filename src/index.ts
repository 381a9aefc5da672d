/** The public names: what a scenario of your own is made of. Nothing inside asymmu imports this file. */

// What must hold
export { batching } from './check/break-before-make/batching.ts';
export { refused } from './check/map/warn.ts';
export { standardProperties } from './check/standard.ts';
export type { Property, PropertyName, Report, Violation, Watch } from './check/violation.ts';
export { atRest } from './check/violation.ts';
export type { Decide, Decisions, Ready } from './explore/decide.ts';
export { type Shrunk, shrink } from './explore/explain/shrink.ts';
export { type Exploration, type Interleaved, type Interleaver, interleaverOf } from './explore/interleaver.ts';
export { Diverged, replaying, TAME } from './explore/replay.ts';
// All CPUs in one thread: who decides, and what came of it
export { bounded, type PreemptionBounds } from './explore/strategy/bounded.ts';
export { type Bounds, exhaustive, NO_BOUNDS } from './explore/strategy/exhaustive.ts';
export { type Pct, pct, pctBound, stepsOf } from './explore/strategy/pct.ts';
export { randomly, uniform } from './explore/strategy/random.ts';
export { type Searched, type Strategy, search } from './explore/strategy/search.ts';
export type { Exhaustive } from './explore/strategy/tree-search.ts';
export { decodeToken, type Token, UnreadableToken } from './explore/token/token.ts';
export type { BbmClass, Board, CpuFeatures, CpuModel, KernelImage, MemoryBank } from './hardware/board/board.ts';
export { validateBoard } from './hardware/board/board-check.ts';
export { boardPresets, defaultBoard } from './hardware/board/board-presets.ts';
export { resizeBoard } from './hardware/board/board-resize.ts';
export { cpuModel, cpuModels } from './hardware/board/cpu-models.ts';
export type { Cpu } from './hardware/cpu.ts';
// The hardware: boards, CPUs, instructions
export { dsb, isb } from './hardware/instruction/barrier.ts';
export { branchTo, fetchBranch } from './hardware/instruction/branch.ts';
export { halt } from './hardware/instruction/exception.ts';
export { dcCvau, icIvau } from './hardware/instruction/instruction-cache.ts';
export { sendIpi } from './hardware/instruction/ipi.ts';
export { compareAndSwap, load, loadAdd, loadExclusive, store, swap } from './hardware/instruction/load-store.ts';
export { announce, promise } from './hardware/instruction/milestone.ts';
export { msr } from './hardware/instruction/system-register.ts';
export { clearPage, fillTable, storeRun } from './hardware/instruction/table-fill.ts';
export { ldtr, sttr, type Unprivileged } from './hardware/instruction/unprivileged.ts';
export { relaxWhile, sevl, wfe, wfi } from './hardware/instruction/wait.ts';
export type { Observer, Promised } from './hardware/observer.ts';
export type { Op, Point } from './hardware/op.ts';
export type { Machine } from './hardware/system.ts';
export { tlbi } from './hardware/tlbi/tlbi.ts';
// The kernel's own functions
export { type AddressSpace, imageVa, physToVirt, virtToPhys } from './kernel/address-space.ts';
export { touchLinearMap } from './kernel/boot/boot.ts';
export {
  cpuSupportsBbml2Noabort,
  forcePteMapping,
  systemSupportsBbml2Noabort,
} from './kernel/boot/cpufeature.ts';
export type { EarlyStage, EarlyText } from './kernel/boot/early.ts';
export { kickAllCpusSync } from './kernel/boot/kick.ts';
export { type StopFunction, stopMachine } from './kernel/boot/stop-machine.ts';
export { DEFAULT_CONFIG, type KernelConfig, type Revision } from './kernel/config.ts';
export {
  CODE,
  type ExecmemText,
  execmemForceRw,
  execmemRestoreRox,
  executeCode,
  setDirectMapValid,
  TRAPPING_INSTRUCTION,
  writeCode,
} from './kernel/execmem/execmem.ts';
export { execmemAlloc, execmemAllocRw, execmemFree } from './kernel/execmem/execmem-alloc.ts';
export { runExecmemWork } from './kernel/execmem/execmem-cache.ts';
export type { Kernel, KernelText } from './kernel/kernel.ts';
export { mark } from './kernel/kernel.ts';
export { createPgdMapping } from './kernel/linear-map/linear-map.ts';
export {
  changeMemory,
  kernelMapPages,
  linearAliasRo,
  linearAliasRw,
  type PageattrText,
  setDirectMapDefaultNoflush,
  setDirectMapInvalidNoflush,
  setDirectMapValidNoflush,
  setMemoryValid,
  updateRangeProt,
} from './kernel/linear-map/pageattr.ts';
export { setMemoryDecrypted, setMemoryEncrypted } from './kernel/linear-map/realm.ts';
export {
  childLeaf,
  rangeSplitToPtes,
  splitContpmd,
  splitContpte,
  splitPmd,
  splitPud,
  tableVa,
} from './kernel/linear-map/split.ts';
export type { SplitFilter } from './kernel/linear-map/split-filter.ts';
export { type SplitText, splitKernelLeafMapping } from './kernel/linear-map/split-leaf.ts';
export { LOCK_CLASSES, type LockKind, type LockName } from './kernel/locking/lock-class.ts';
export {
  downRead,
  downWrite,
  mutexLock,
  mutexUnlock,
  rawSpinLock,
  rawSpinUnlock,
  spinLock,
  spinUnlock,
  upRead,
  upWrite,
} from './kernel/locking/locks.ts';
export {
  inInterrupt,
  irqEnter,
  irqExit,
  localIrqRestore,
  localIrqSave,
  mightSleep,
  preemptDisable,
  preemptEnable,
} from './kernel/locking/preempt.ts';
export { MARKS, type Mark } from './kernel/marks.ts';
export { aarch64InsnPatchTextNosync, type PatchingText } from './kernel/ptdump/patching.ts';
export {
  type NotePage,
  type PtdumpText,
  ptdumpCheckWx,
  ptdumpWalk,
  type WxPages,
} from './kernel/ptdump/ptdump-walk.ts';
export {
  staticBranchDec,
  staticBranchDisable,
  staticBranchEnable,
  staticBranchInc,
  staticBranchUnlikely,
} from './kernel/ptdump/static-key.ts';
export type { RepaintText } from './kernel/repaint/repaint.ts';
export { enterLazyMmuMode, leaveLazyMmuMode, setEntry } from './kernel/tables/lazy-mmu.ts';
export { entryOffset } from './kernel/tables/pagewalk.ts';
export { pgtableAlloc, pgtableFree } from './kernel/tables/pgalloc.ts';
export * as prot from './kernel/tables/pgtable-prot.ts';
export { contPteBytes, setHugePteAt } from './kernel/tables/set-huge-pte.ts';
export { pmdFreePtePage, pudFreePmdPage, type TableFreeText } from './kernel/tables/table-free.ts';
export { linkOf, readEntry, readInvalid, swapperLink, type TableLink } from './kernel/tables/table-link.ts';
export {
  flushTlbAll,
  flushTlbKernelPgtable,
  flushTlbKernelRange,
  localFlushTlbAll,
} from './kernel/tables/tlbflush.ts';
export {
  type Visit,
  type Visited,
  type WalkOps,
  walkKernelPageTableRangeLockless,
} from './kernel/tables/walk-range.ts';
export {
  type ContpteText,
  contPtes,
  contpteConvert,
  contpteTryFold,
  contpteTryUnfold,
  ptepGet,
  ptepGetAndClear,
  ptepGetLockless,
  ptepSetAccessFlags,
  setPtes,
  wrprotectPtes,
} from './kernel/user/contpte.ts';
export {
  cpuSetReservedTtbr0,
  cpuSwitchMm,
  destroyContext,
  type Mm,
  type MmText,
  mmAlloc,
  mmlistAdd,
  mmNumber,
  mmput,
  pteAllocMap,
  waitForUsers,
} from './kernel/user/mm.ts';
export { handlePteFault, type UserAccess, userRead, userWrite } from './kernel/user/user-fault.ts';
export { makeWritable, mapPages, pageMkclean, withPageTableLock, writeProtect } from './kernel/user/user-pages.ts';
export {
  flushTlbAsid,
  flushTlbMm,
  flushTlbPage,
  flushTlbRange,
  type TlbFlags,
  type UserTlbflushText,
} from './kernel/user/user-tlbflush.ts';
export type { KprobesText } from './kernel/vmalloc/kprobes.ts';
export {
  type SetMemoryText,
  setMemoryNx,
  setMemoryRo,
  setMemoryRox,
  setMemoryRw,
  setMemoryX,
} from './kernel/vmalloc/set-memory.ts';
export {
  findVmArea,
  VM_ALLOC,
  VM_ALLOW_HUGE_VMAP,
  VM_FLUSH_RESET_PERMS,
  VM_IOREMAP,
  type VmStruct,
  vmAreaStart,
} from './kernel/vmalloc/vm-area.ts';
export {
  getVmArea,
  type VmallocRequest,
  type VmallocText,
  vfree,
  vmalloc,
  vmUnmapAliases,
} from './kernel/vmalloc/vmalloc.ts';
export { type Mapping, vmapRange, vunmapRange, vunmapRangeNoflush } from './kernel/vmalloc/vmap.ts';
export { type Warning, warn } from './kernel/warn.ts';
export { briefWork } from './scenario/brief-work.ts';

// A scenario and its verdict
export { checkLinearMap } from './scenario/check-linear-map.ts';
export { exercise } from './scenario/exercise.ts';
export type { Program, Scenario, ScenarioDefinition } from './scenario/scenario.ts';
export { defineScenario } from './scenario/scenario.ts';
