import { alignDown } from '../../arch/address.ts';
import { insert, pack } from '../../arch/field.ts';
import { TCR_EL1, TTBR_EL1 } from '../../arch/registers.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import type { Op } from '../../hardware/op.ts';
import { FIXMAP } from '../../hardware/translation/access.ts';
import type { Kernel } from '../kernel.ts';
import { mark } from '../kernel.ts';
import { entryOffset } from '../tables/pagewalk.ts';
import { PAGE_KERNEL_ROX, type Prot, PTE_ADDRESS, PTE_AF, PTE_VALID, TABLE_TYPE } from '../tables/pgtable-prot.ts';
import { localFlushTlbAll } from '../tables/tlbflush.ts';

/**
 * The identity map: the few pages whose virtual address is their physical one, reached through TTBR0, so that a CPU can
 * take TTBR1 away from under itself. Linux: create_idmap(), arch/arm64/mm/mmu.c; arch/arm64/include/asm/mmu_context.h.
 */

/**
 * TCR_EL1 as Linux sets it: both halves with the kernel's VA size and granule, 48 bits of output address. The ASID is that
 * of TTBR1 (A1). `hafdbs`: what this CPU can manage by itself, the Access flag (__cpu_setup) and the dirty state
 * (cpu_enable_hw_dbm()): each CPU that can does, whatever others can.
 */
export function tcrEl1(k: Kernel, hafdbs = 0): bigint {
  const { granule, vaBits } = k.space;
  return pack(TCR_EL1, {
    T0SZ: 64 - vaBits,
    IRGN0: 1,
    ORGN0: 1,
    SH0: 3,
    TG0: granule.TG0,
    T1SZ: 64 - vaBits,
    A1: 1,
    IRGN1: 1,
    ORGN1: 1,
    SH1: 3,
    TG1: granule.TG1,
    IPS: 5,
    AS: 1,
    TBI0: 1,
    TBI1: 1,
    HA: hafdbs >= 1 ? 1 : 0,
    HD: hafdbs >= 2 ? 1 : 0,
  });
}

/** TTBRn_EL1 for a table at `pa`. */
export function ttbr(pa: number, asid = 0): bigint {
  return insert(BigInt(pa), TTBR_EL1.ASID, asid);
}

/** Physical address, which is also the idmap address, of the word where parked CPUs wait. */
export function idmapFlag(k: Kernel): number {
  const { variables, dataPage } = k.symbols;
  const { pageBytes } = k.space.granule;
  return dataPage + (variables.idmap_kpti_bbml2_flag - alignDown(variables.idmap_kpti_bbml2_flag, pageBytes));
}

/**
 * Linux: create_idmap(). The idmap text is read-only and executable; the flag's page is writable, and is there only if
 * somebody may have to wait on it: parked CPUs reach nothing else.
 */
export function* createIdmap(cpu: Cpu, k: Kernel, requiresBbml2: boolean): Op {
  const spare = [...k.symbols.idmapTables];
  yield* mapIdmapPage(cpu, k, spare, k.symbols.idmapText, PAGE_KERNEL_ROX);
  if (requiresBbml2) yield* k.text.repaint.mapFlag(cpu, k, spare);
  yield* dsb(cpu, 'ishst');
  yield* isb(cpu);
}

/** Maps one page onto itself, with tables from `spare`. */
export function* mapIdmapPage(cpu: Cpu, k: Kernel, spare: number[], pa: number, prot: Prot): Op {
  const { space, symbols } = k;
  let table = symbols.idmapPgDir;
  for (let level = space.startLevel; level < 3; level++) {
    const entry = FIXMAP + entryOffset(space, level, table, pa);
    const value = yield* load(cpu, entry);
    if ((value & PTE_VALID) === 0n) {
      const next = spare.shift();
      if (next === undefined) throw new Error('the idmap has run out of its reserved tables');
      yield* store(cpu, entry, BigInt(next) | TABLE_TYPE | PTE_AF);
      table = next;
    } else table = Number(value & PTE_ADDRESS);
  }
  const page = alignDown(pa, space.granule.pageBytes);
  yield* store(cpu, FIXMAP + entryOffset(space, 3, table, page), BigInt(page) | prot);
}

/** Linux: cpu_install_idmap(): TTBR0 translates the idmap; nothing of what TTBR0 held before stays cached. */
export function* cpuInstallIdmap(cpu: Cpu, k: Kernel): Op {
  yield* cpuSetReservedTtbr0(cpu, k);
  yield* localFlushTlbAll(cpu);
  yield* msr(cpu, 'TTBR0_EL1', ttbr(k.symbols.idmapPgDir));
  yield* isb(cpu);
  mark(cpu, 'idmap.installed');
}

/** Linux: cpu_uninstall_idmap(). */
export function* cpuUninstallIdmap(cpu: Cpu, k: Kernel): Op {
  yield* cpuSetReservedTtbr0(cpu, k);
  yield* localFlushTlbAll(cpu);
  mark(cpu, 'idmap.uninstalled');
}

function* cpuSetReservedTtbr0(cpu: Cpu, k: Kernel): Op {
  yield* msr(cpu, 'TTBR0_EL1', ttbr(k.symbols.reservedPgDir));
  yield* isb(cpu);
}
