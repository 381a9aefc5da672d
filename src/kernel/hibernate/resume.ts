import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { announce } from '../../hardware/instruction/milestone.ts';
import { copyPage } from '../../hardware/instruction/page-copy.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { cpuInstallIdmap, cpuUninstallIdmap, ttbr } from '../boot/idmap.ts';
import type { Kernel } from '../kernel.ts';
import { transPgdAllocateRoot, transPgdCreateCopy, transPgdFree } from '../linear-map/trans-pgd.ts';

/**
 * The image goes back to where it was, over everything that is there: the page tables as well. So it is written through a copy of
 * the linear map, by code that is reached through TTBR0. Linux: swsusp_arch_resume(), arch/arm64/kernel/hibernate.c, and
 * swsusp_arch_suspend_exit, hibernate-asm.S. All other CPUs are off.
 *
 * While TTBR1 holds the copy, there is nothing but the linear map: neither the kernel's variables nor its text.
 */

/** One page of the image: where it waits, and where it belongs. Linear addresses. */
export interface PageBackup {
  readonly address: number;
  readonly origAddress: number;
}

/** Roots besides swapper_pg_dir, physical: the copy, and a table without an entry that the image does not overwrite. */
export interface TemporaryRoots {
  readonly copy: number;
  readonly zeroPage: number;
}

/** The sentences of the way back. A named bug replaces one of them. */
export interface ResumeText {
  /** How TTBR1 comes to hold another root. */
  readonly switchTtbr1: typeof breakBeforeMakeTtbrSwitch;
  /** TTBR1 comes to hold the copy. */
  readonly enterCopy: (cpu: Cpu, k: Kernel, roots: TemporaryRoots) => Op;
  /** TTBR1 holds swapper_pg_dir again, as it was saved, and the temporary tables are given back. */
  readonly leaveCopy: (cpu: Cpu, k: Kernel, roots: TemporaryRoots) => Op;
}

/**
 * Linux: swsusp_arch_resume(). Returns -ENOMEM where there is no room for the copy, and nothing has happened; else 0, and each page
 * of the list is as it was saved. Linux would go on in the kernel that was saved, and does not return.
 */
export function* swsuspArchResume(cpu: Cpu, k: Kernel, list: readonly PageBackup[]): Op<number> {
  const { pageOffset, pageEnd } = k.space;
  const copy = yield* transPgdCreateCopy(cpu, k, pageOffset, pageEnd);
  if (copy < 0) return copy;
  const roots: TemporaryRoots = { copy, zeroPage: yield* transPgdAllocateRoot(cpu, k) };
  if (roots.zeroPage < 0) {
    yield* transPgdFree(cpu, k, copy);
    return roots.zeroPage;
  }
  yield* cpuInstallIdmap(cpu, k); // unverified: as for the idmap: trans_pgd_idmap_page() makes one of a safe page
  yield* swsuspArchSuspendExit(cpu, k, list, roots);
  yield* cpuUninstallIdmap(cpu, k);
  return 0;
}

/** Linux: swsusp_arch_suspend_exit. */
function* swsuspArchSuspendExit(cpu: Cpu, k: Kernel, list: readonly PageBackup[], roots: TemporaryRoots): Op {
  yield* k.text.resume.enterCopy(cpu, k, roots);
  for (const { address, origAddress } of list) yield* copyPage(cpu, origAddress, address);
  yield* dsb(cpu, 'ish'); // what walkers are about to read is there
  yield* k.text.resume.leaveCopy(cpu, k, roots);
}

/** The kernel that was saved runs: nobody uses what the other one, or the copy, had. */
export function announceRestored(cpu: Cpu, k: Kernel): void {
  announce(cpu, 'swsusp_arch_resume', k.space.pageOffset, k.space.pageEnd);
}

/** Linux forgets the temporary tables with the kernel that made them. */
export function* freeCopy(cpu: Cpu, k: Kernel, { copy, zeroPage }: TemporaryRoots): Op {
  yield* transPgdFree(cpu, k, copy);
  yield* transPgdFree(cpu, k, zeroPage);
}

/**
 * Linux: break_before_make_ttbr_switch, arch/arm64/include/asm/assembler.h. What the old tables left in the TLB is gone before the
 * new ones can be walked: they may differ in rights and in what is mapped at all.
 */
export function* breakBeforeMakeTtbrSwitch(cpu: Cpu, zeroPage: number, pageTable: number): Op {
  yield* msr(cpu, 'TTBR1_EL1', ttbr(zeroPage));
  yield* isb(cpu);
  yield* tlbi(cpu, 'vmalle1');
  yield* dsb(cpu, 'nsh');
  yield* msr(cpu, 'TTBR1_EL1', ttbr(pageTable));
  yield* isb(cpu);
}

export const RESUME_6_18: ResumeText = {
  switchTtbr1: breakBeforeMakeTtbrSwitch,
  *enterCopy(cpu, k, { copy, zeroPage }) {
    yield* k.text.resume.switchTtbr1(cpu, zeroPage, copy);
  },
  *leaveCopy(cpu, k, roots) {
    yield* k.text.resume.switchTtbr1(cpu, roots.zeroPage, k.symbols.swapperPgDir);
    announceRestored(cpu, k);
    yield* freeCopy(cpu, k, roots);
  },
};
