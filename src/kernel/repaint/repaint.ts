import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { branchTo, returnTo } from '../../hardware/instruction/branch.ts';
import { halt } from '../../hardware/instruction/exception.ts';
import { load, loadAdd, loadExclusive, store } from '../../hardware/instruction/load-store.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { relaxWhile, sevl, wfe } from '../../hardware/instruction/wait.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { imageVa, physToVirt } from '../address-space.ts';
import { systemSupportsBbml2Noabort } from '../boot/cpufeature.ts';
import { cpuInstallIdmap, cpuUninstallIdmap, idmapFlag, mapIdmapPage, ttbr } from '../boot/idmap.ts';
import { type StopFunction, stopMachine } from '../boot/stop-machine.ts';
import { type Kernel, mark } from '../kernel.ts';
import { type BeforeLink, childrenVisible, rangeSplitToPtes } from '../linear-map/split.ts';
import { type Gfp, pgtableFree } from '../tables/pgalloc.ts';
import { PAGE_KERNEL } from '../tables/pgtable-prot.ts';
import { flushTlbKernelRange } from '../tables/tlbflush.ts';

/**
 * The asymmetric repaint. The boot CPU may change block sizes in place and painted the linear map with blocks; then a
 * CPU came up that may not. So all CPUs stop; the others leave the kernel's address space altogether and wait in the
 * idmap; the boot CPU splits the whole linear map into pages, flushes, and lets them back in.
 * Linux: linear_map_maybe_split_to_ptes(), linear_map_split_to_ptes(), arch/arm64/mm/mmu.c.
 */

/** The sentences of the protocol. A named bug replaces one of them. */
export interface RepaintText {
  /** Which CPU splits; all others park. */
  readonly painter: (cpu: Cpu, k: Kernel) => boolean;
  /** Before anybody stops. */
  readonly initFlag: (cpu: Cpu, k: Kernel) => Op;
  /** Takes what the split will want, while one may sleep. Returns 0 or a negated error. */
  readonly reserve: (cpu: Cpu, k: Kernel) => Op<number>;
  /** In create_idmap(). `spare`: tables reserved for it. */
  readonly mapFlag: (cpu: Cpu, k: Kernel, spare: number[]) => Op;
  readonly waitForSecondaries: (cpu: Cpu, k: Kernel) => Op;
  readonly split: (cpu: Cpu, k: Kernel) => Op<number>;
  readonly beforeLink: BeforeLink;
  readonly flush: (cpu: Cpu, k: Kernel) => Op;
  readonly release: (cpu: Cpu, k: Kernel) => Op;
  /** What a secondary does from the stop until it may go on. */
  readonly waitForBootCpu: StopFunction;
  /** How it leaves swapper_pg_dir. */
  readonly setReservedTtbr1: (cpu: Cpu, k: Kernel) => Op;
  /** The end of it. */
  readonly leaveIdmap: typeof cpuUninstallIdmap;
}

/** Linux: linear_map_maybe_split_to_ptes(). `requiresBbml2`: the map has blocks that somebody will want to split. */
export function* linearMapMaybeSplitToPtes(cpu: Cpu, k: Kernel): Op {
  const requiresBbml2 = (yield* load(cpu, k.symbols.variables.linear_map_requires_bbml2)) === 1n;
  if (!requiresBbml2 || (yield* systemSupportsBbml2Noabort(cpu, k))) {
    mark(cpu, 'repaint.notNeeded');
    return;
  }
  mark(cpu, 'repaint.started');
  if ((yield* k.text.repaint.reserve(cpu, k)) !== 0) yield* panic(cpu, k, 'no tables to split linear map with');
  yield* k.text.repaint.initFlag(cpu, k);
  yield* stopMachine(cpu, k, linearMapSplitToPtes);
  for (const table of k.percpu.reservedTables.splice(0)) pgtableFree(cpu, table); // more than it took
  mark(cpu, 'repaint.finished');
}

/** Linux: linear_map_split_to_ptes(), on every CPU with interrupts off. */
export function* linearMapSplitToPtes(cpu: Cpu, k: Kernel): Op {
  const { repaint } = k.text;
  if (!repaint.painter(cpu, k)) {
    yield* repaint.waitForBootCpu(cpu, k);
    return;
  }
  mark(cpu, 'repaint.painting');
  yield* repaint.waitForSecondaries(cpu, k);
  mark(cpu, 'repaint.everybodyParked');
  const error = yield* repaint.split(cpu, k);
  if (error !== 0) yield* panic(cpu, k, 'Failed to split linear map');
  mark(cpu, 'repaint.painted');
  yield* repaint.flush(cpu, k);
  mark(cpu, 'repaint.flushed');
  mark(cpu, 'repaint.released'); // marked before it is done: the released are quick to mark their own steps
  yield* repaint.release(cpu, k);
}

/** Linux: init_idmap_kpti_bbml2_flag(): 1 counts the boot CPU itself. */
function* initFlag(cpu: Cpu, k: Kernel): Op {
  yield* store(cpu, k.symbols.variables.idmap_kpti_bbml2_flag, 1n);
}

/** The flag must be writable in the idmap: a parked CPU reaches nothing else. */
function* mapFlag(cpu: Cpu, k: Kernel, spare: number[]): Op {
  yield* mapIdmapPage(cpu, k, spare, idmapFlag(k), PAGE_KERNEL);
}

/** smp_cond_load_acquire(flag == num_online_cpus()); pairs with the increment in waitForBootCpu. */
function* waitForSecondaries(cpu: Cpu, k: Kernel): Op {
  yield* waitUntilParked(cpu, k, yield* load(cpu, k.symbols.variables.num_online_cpus));
}

/** Until the flag counts so many, this CPU itself included. */
export function* waitUntilParked(cpu: Cpu, k: Kernel, cpus: bigint): Op {
  const { idmap_kpti_bbml2_flag: flag } = k.symbols.variables;
  for (;;) {
    const parked = yield* load(cpu, flag);
    if (parked === cpus) return;
    yield* relaxWhile(cpu, flag, parked, `the repaint flag to reach ${cpus} (it is ${parked})`);
  }
}

/** Each table is allocated when it is due, with GFP_ATOMIC. */
function* reserve(): Op<number> {
  return 0;
}

function* split(cpu: Cpu, k: Kernel): Op<number> {
  return yield* splitAllButImage(cpu, k, 'atomic');
}

/** Everything but the kernel image's alias, which stays as it is: it never changes page by page. */
export function* splitAllButImage(cpu: Cpu, k: Kernel, gfp: Gfp): Op<number> {
  const { space } = k;
  const kstart = physToVirt(space, space.text);
  const kend = physToVirt(space, space.initBegin);
  const error = yield* rangeSplitToPtes(cpu, k, space.pageOffset, kstart, gfp);
  return error !== 0 ? error : yield* rangeSplitToPtes(cpu, k, kend, space.pageEnd, gfp);
}

/** Far past the limit of single operations: TLBI VMALLE1IS. */
function* flush(cpu: Cpu, k: Kernel): Op {
  yield* flushTlbKernelRange(cpu, k, k.space.pageOffset, k.space.pageEnd);
}

/** WRITE_ONCE(flag, 0): ordered after the split by the DSB in the flush; pairs with the load in waitForBootCpu. */
function* release(cpu: Cpu, k: Kernel): Op {
  announce(cpu, 'repaint.released', k.space.pageOffset, k.space.pageEnd);
  yield* store(cpu, k.symbols.variables.idmap_kpti_bbml2_flag, 0n);
}

/** Linux: wait_linear_map_split_to_ptes(), arch/arm64/mm/proc.S, between cpu_install_idmap() and cpu_uninstall_idmap(). */
function* waitForBootCpu(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'repaint.parking');
  yield* cpuInstallIdmap(cpu, k);
  yield* branchTo(cpu, k.symbols.idmapText); // from here on only registers and the flag, by its physical address
  const swapper = cpu.sysregs.TTBR1_EL1;
  yield* k.text.repaint.setReservedTtbr1(cpu, k);
  const flag = idmapFlag(k);
  mark(cpu, 'repaint.parked');
  yield* loadAdd(cpu, flag, 1n); // pairs with waitForSecondaries: this CPU can no longer walk the linear map
  yield* waitWhileSet(cpu, flag);
  yield* msr(cpu, 'TTBR1_EL1', swapper);
  yield* isb(cpu);
  yield* returnTo(cpu, imageVa(k.space, k.space.text)); // out of the idmap: TTBR1 must be in force
  mark(cpu, 'repaint.leaving');
  yield* k.text.repaint.leaveIdmap(cpu, k);
}

/** SEVL; WFE; LDXR; CBNZ: sleeps until the flag is 0; pairs with the store in release. */
export function* waitWhileSet(cpu: Cpu, flag: number): Op {
  sevl(cpu);
  do yield* wfe(cpu, 'the boot CPU to clear the repaint flag');
  while ((yield* loadExclusive(cpu, flag)) !== 0n);
}

/** __idmap_cpu_set_reserved_ttbr1: no walk of swapper from here on, and nothing of it left in the TLB. */
export function* setReservedTtbr1(cpu: Cpu, k: Kernel): Op {
  yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.reservedPgDir));
  yield* isb(cpu);
  yield* tlbi(cpu, 'vmalle1'); // not local_flush_tlb_all(): no store of this CPU's is behind it (unverified)
  yield* dsb(cpu, 'nsh');
  yield* isb(cpu);
}

/** Linux: panic(): this CPU never runs again. */
export function* panic(cpu: Cpu, k: Kernel, why: string): Op {
  yield* store(cpu, k.symbols.variables.panic_cpu, BigInt(cpu.id + 1));
  mark(cpu, 'cpu.panicked');
  yield* halt(cpu, `Kernel panic - not syncing: ${why}`);
}

/** The repaint as merged in 6.18. */
export const REPAINT_6_18: RepaintText = {
  painter: (cpu) => cpu.id === 0, // the only CPU known to support BBML2 is the boot CPU, and that is CPU 0
  initFlag,
  reserve,
  mapFlag,
  waitForSecondaries,
  split,
  beforeLink: childrenVisible,
  flush,
  release,
  waitForBootCpu,
  setReservedTtbr1,
  leaveIdmap: cpuUninstallIdmap,
};
