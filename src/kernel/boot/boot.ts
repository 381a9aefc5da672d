import { NOP } from '../../arch/instruction.ts';
import { type Cpu, resetCpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { sendIpi } from '../../hardware/instruction/ipi.ts';
import { load, loadAdd, store } from '../../hardware/instruction/load-store.ts';
import { cpuOff } from '../../hardware/instruction/power.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { wfi } from '../../hardware/instruction/wait.ts';
import { exceptionReturn, IPI_CALL_FUNC } from '../../hardware/interrupt.ts';
import { claimImageFrame, FRAME_DATA, FRAME_TABLE } from '../../hardware/memory/frame.ts';
import { loadText, TEXT_WORDS } from '../../hardware/memory/instruction-memory.ts';
import type { Memory } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { imageVa, physToVirt } from '../address-space.ts';
import { IMAGE_FRAME, type Kernel, mark, percpuVariable } from '../kernel.ts';
import {
  createPgdMappingLocked,
  linearMapRequiresBbml2,
  mapMem,
  markLinearTextAliasRo,
  placeRoot,
} from '../linear-map/linear-map.ts';
import { arm64RsiInit } from '../linear-map/realm.ts';
import { doIrq, doSoftirq, type Handlers } from '../locking/softirq.ts';
import { asThread } from '../locking/task.ts';
import { linearMapMaybeSplitToPtes, linearMapSplitToPtes } from '../repaint/repaint.ts';
import {
  MAIR_EL1_SET,
  maybeNg,
  PAGE_KERNEL,
  PAGE_KERNEL_EXEC,
  PAGE_KERNEL_RO,
  PAGE_KERNEL_ROX,
} from '../tables/pgtable-prot.ts';
import { bringUpCpu, CPU_WAS_REFUSED, takeCpuDown } from './cpu-hotplug.ts';
import { finaliseSystemCapabilities, systemCapabilitiesFinalized, updateCpuCapabilities } from './cpufeature.ts';
import { createIdmap, tcrEl1, ttbr } from './idmap.ts';
import { multiCpuStop, type StopFunction, takeStopWork } from './stop-machine.ts';

/** From power-on to a running system. Linux: arch/arm64/kernel/setup.c, smp.c; kernel/cpu.c; init/main.c. */

/** States of a CPU's `online` word. */
export const CPU_IS_ONLINE = 1n;

/** The boot loader: the image's pages are in memory, all variables zero, and no static key is on. */
export function loadKernelImage(memory: Memory): void {
  for (let frame = 0; frame < memory.imageFrames; frame++)
    claimImageFrame(memory, frame, frame < IMAGE_FRAME.data ? FRAME_TABLE : FRAME_DATA);
  for (let index = 0; index < TEXT_WORDS; index++) loadText(memory, index, NOP);
}

/** What a CPU runs when it is powered on: up to the point where it is online, or refused. */
export function* boot(cpu: Cpu, k: Kernel): Op {
  resetCpu(cpu);
  k.percpu.isOffline = false;
  mark(cpu, 'cpu.started');
  if (cpu.id === 0) yield* startKernel(cpu, k);
  else yield* secondaryStartKernel(cpu, k);
}

/** Linux: start_kernel() up to rest_init(), as far as page tables go. */
function* startKernel(cpu: Cpu, k: Kernel): Op {
  const { variables, swapperPgDir, idmapPgDir, reservedPgDir } = k.symbols;
  placeRoot(cpu, k, swapperPgDir, k.space.pageOffset);
  placeRoot(cpu, k, reservedPgDir, k.space.pageOffset);
  placeRoot(cpu, k, idmapPgDir, 0);
  yield* mapKernel(cpu, k);
  yield* cpuSetup(cpu, k);
  yield* updateCpuCapabilities(cpu, k);
  mark(cpu, 'features.detected');
  yield* mapMem(cpu, k);
  const requiresBbml2 = linearMapRequiresBbml2(cpu, k);
  yield* store(cpu, variables.linear_map_requires_bbml2, requiresBbml2 ? 1n : 0n);
  yield* createIdmap(cpu, k, requiresBbml2);
  mark(cpu, 'linearMap.painted');
  if (k.config.realm) yield* arm64RsiInit(cpu, k);
  yield* k.text.early.work(cpu, k, 'setup_arch');
  yield* store(cpu, variables.page_alloc_available, 1n); // mm_core_init(): memblock gives its pages to the buddy allocator
  yield* k.text.early.work(cpu, k, 'mm_core_init');
  yield* setCpuOnline(cpu, k);
}

/**
 * Linux: map_kernel(): contiguous groups in text and data only, and of pages only. rodata is read-only from the start here, as mark_rodata_ro() leaves it,
 * and what lies between __init_begin and __init_end stays mapped.
 */
function* mapKernel(cpu: Cpu, k: Kernel): Op {
  const { space, symbols, config } = k;
  const [text, rodata] = config.rodata === 'off' ? [PAGE_KERNEL_EXEC, PAGE_KERNEL] : [PAGE_KERNEL_ROX, PAGE_KERNEL_RO];
  const segments = [
    [space.text, space.etext, text, { noContPmd: true }],
    [space.etext, space.initBegin, rodata, { noCont: true }],
    [space.initBegin, space.data, PAGE_KERNEL, { noCont: true }],
    [space.data, space.end, PAGE_KERNEL, { noContPmd: true }],
  ] as const;
  for (const [start, end, prot, flags] of segments)
    yield* createPgdMappingLocked(
      cpu,
      k,
      symbols.swapperPgDir,
      start,
      imageVa(space, start),
      end - start,
      maybeNg(config, prot),
      flags,
    );
}

/** Linux: __cpu_setup and __enable_mmu: the same registers on every CPU; TTBR0 empty, TTBR1 swapper. */
function* cpuSetup(cpu: Cpu, k: Kernel): Op {
  yield* tlbi(cpu, 'vmalle1');
  yield* dsb(cpu, 'nsh');
  yield* msr(cpu, 'MAIR_EL1', MAIR_EL1_SET);
  yield* msr(cpu, 'TCR_EL1', tcrEl1(k, cpu.model.features.hafdbs));
  yield* msr(cpu, 'TTBR0_EL1', ttbr(k.symbols.reservedPgDir));
  yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.swapperPgDir));
  yield* isb(cpu);
  yield* msr(cpu, 'SCTLR_EL1', 1n);
  yield* isb(cpu);
}

/** Linux: secondary_start_kernel(). */
function* secondaryStartKernel(cpu: Cpu, k: Kernel): Op {
  yield* cpuSetup(cpu, k);
  if (yield* systemCapabilitiesFinalized(cpu, k)) {
    mark(cpu, 'features.detected');
    if (!(yield* k.text.verifyLocalCpuCaps(cpu, k))) {
      yield* cpuDieEarly(cpu, k);
      return;
    }
    mark(cpu, 'features.accepted');
  } else {
    yield* updateCpuCapabilities(cpu, k);
    mark(cpu, 'features.detected');
  }
  yield* setCpuOnline(cpu, k);
}

/** Linux: cpu_die_early(): whoever brought the CPU up is told, and it powers itself down (PSCI CPU_OFF). */
function* cpuDieEarly(cpu: Cpu, k: Kernel): Op {
  yield* loadAdd(cpu, k.symbols.variables.cpus_refused, 1n);
  mark(cpu, 'features.refused');
  yield* store(cpu, percpuVariable(k, cpu.id, 'online'), CPU_WAS_REFUSED);
  yield* cpuOff(cpu); // a CPU that merely looped here would still be a walker of swapper
}

/** Linux: set_cpu_online(), and cpuhp_online_idle(): counted, its own callbacks called, then visible to whoever waits in __cpu_up(). */
function* setCpuOnline(cpu: Cpu, k: Kernel): Op {
  yield* touchLinearMap(cpu, k, 24);
  mark(cpu, 'cpu.online');
  cpu.irqMasked = false;
  yield* loadAdd(cpu, k.symbols.variables.num_online_cpus, 1n);
  if (cpu.id !== 0 && !k.board.lateCpus.includes(cpu.id)) yield* k.text.early.work(cpu, k, 'cpuhp_online');
  yield* store(cpu, percpuVariable(k, cpu.id, 'online'), CPU_IS_ONLINE);
}

/** Stack, per-CPU areas, slab: a CPU that comes up touches memory all over the linear map. */
export function* touchLinearMap(cpu: Cpu, k: Kernel, times: number): Op {
  const { pageBytes } = k.space.granule;
  for (let i = 0; i < times; i++) {
    const bank = k.board.memory[cpu.choose(k.board.memory.length, 'program')]!;
    const page = cpu.choose(Math.floor(bank.bytes / pageBytes), 'program');
    yield* load(cpu, physToVirt(k.space, bank.base + page * pageBytes));
  }
}

/** The boot CPU's work once it is online: the others, the final capabilities, the repaint if it is due, late CPUs. */
export function* bringUp(cpu: Cpu, k: Kernel): Op {
  yield* bringUpNonbootCpus(cpu, k);
  yield* smpCpusDone(cpu, k);
}

/** Linux: bringup_nonboot_cpus(): one after the other, but for those that come later. */
export function* bringUpNonbootCpus(cpu: Cpu, k: Kernel): Op {
  const { cpus, lateCpus } = k.board;
  for (let target = 1; target < cpus.length; target++)
    if (!lateCpus.includes(target)) yield* bringUpCpu(cpu, k, target);
  mark(cpu, 'smp.broughtUp');
  yield* touchLinearMap(cpu, k, 24);
}

/** Linux: smp_cpus_done(): what is decided once all CPUs are known; then late ones, and a running system. */
export function* smpCpusDone(cpu: Cpu, k: Kernel): Op {
  yield* k.text.early.work(cpu, k, 'smp_init');
  yield* finaliseSystemCapabilities(cpu, k);
  mark(cpu, 'capabilities.finalised');
  yield* linearMapMaybeSplitToPtes(cpu, k);
  yield* markLinearTextAliasRo(cpu, k);
  for (const target of k.board.lateCpus) yield* bringUpCpu(cpu, k, target);
  yield* k.text.early.work(cpu, k, 'do_initcalls');
  yield* startSystem(cpu, k);
}

/** system_state = SYSTEM_RUNNING; everybody looks for work. */
function* startSystem(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'system.running');
  yield* store(cpu, k.symbols.variables.system_state, 1n);
  for (let target = 1; target < k.board.cpus.length; target++) yield* sendIpi(cpu, target, IPI_CALL_FUNC);
}

/** Linux: do_idle(): returns when there is work; a CPU that was taken down is off then. Kernel threads go first. */
export function* idle(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'cpu.idle');
  yield* k.text.early.work(cpu, k, 'kthread');
  for (;;) {
    const hasWork = (yield* load(cpu, k.symbols.variables.system_state)) !== 0n;
    if (k.percpu.isOffline) break; // cpu_is_offline()
    if (hasWork) return;
    yield* wfi(cpu, 'work');
  }
  yield* cpuOff(cpu); // arch_cpu_idle_dead()
}

function* nothing(): Op {}

/** By their numbers in `STOP_FUNCTION`. */
const STOP_FUNCTIONS: readonly StopFunction[] = [linearMapSplitToPtes, takeCpuDown, nothing];

/** What an interrupt wakes: the stopper thread, if somebody stops the machine. */
export function* stopper(cpu: Cpu, k: Kernel): Op {
  if (yield* takeStopWork(cpu, k)) yield* asThread(k, multiCpuStop(cpu, k, STOP_FUNCTIONS[k.percpu.stopData]!));
}

/** What an interrupt brings about: its handler, softirqs on the way out, if there are any, and then whichever thread it woke. */
export function* handleInterrupt(cpu: Cpu, k: Kernel, { irq, softirq }: Handlers): Op {
  if (irq !== undefined) yield* doIrq(cpu, k, irq);
  if (softirq !== undefined) yield* doSoftirq(cpu, k, softirq);
  yield* stopper(cpu, k);
  exceptionReturn(cpu);
}
