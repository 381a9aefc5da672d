import type { Cpu } from '../../hardware/cpu.ts';
import { placeOf } from '../../hardware/memory/table-word.ts';
import { CPU_APPLIED, removes } from '../../hardware/tlbi/dvm.ts';
import { TLB_AS_AT_RESET } from '../../hardware/translation/early-translation.ts';
import type { Regime } from '../../hardware/translation/regime.ts';
import { asidOf, GLOBAL, leafPaOf, levelOf, sizeOf, tagOf } from '../../hardware/translation/tlb-entry.ts';
import type { Watch } from '../violation.ts';
import { describeEntry, formatSpan } from '../wording.ts';
import { removalsDue } from './removals-due.ts';

/** A reset need not empty a TLB: whoever turns translation on has to. */
export function judgeReset({ report }: Watch, cpu: Cpu): void {
  if (cpu.doubles[TLB_AS_AT_RESET] === 0) return;
  report(
    cpu,
    'stale',
    `CPU ${cpu.id} turns translation on, and its TLB holds whatever it held when the CPU got power`,
    [],
    'TLBI VMALLE1 and DSB NSH before SCTLR_EL1.M is set (__cpu_setup, arch/arm64/mm/proc.S, 6.18)',
  );
}

/**
 * Whoever puts other tables into TTBR0 must not find global entries of the tables before them: those match under any ASID, and
 * say what the new tables do not. The idmap has such entries, and nothing else that TTBR0 ever holds: cpu_uninstall_idmap()
 * drops them. While TTBR0 is reserved_pg_dir, on the way, they may still be there.
 */
export function judgeLeftOver({ kernel: k, report }: Watch, cpu: Cpu, regime: Regime): void {
  if (!cpu.mmuOn || regime.side !== 0 || regime.root === k.symbols.reservedPgDir) return;
  const { tlb, memory } = cpu;
  const due = removalsDue(cpu.dvm, cpu.words[CPU_APPLIED]!);
  if (due === 'everything') return;
  for (let way = 0; way < tlb.entries; way++) {
    const tag = tagOf(tlb, way); // NaN, of a free way, compares with nothing
    if (!(tag >= regime.start && tag < regime.end) || asidOf(tlb, way) !== GLOBAL) continue;
    if (placeOf(memory, leafPaOf(tlb, way))?.rootPa === regime.root) continue;
    const end = tag + sizeOf(tlb, way);
    if (due.some((r) => removes(r, tag, end, levelOf(tlb, way), GLOBAL))) continue;
    report(
      cpu,
      'stale',
      `CPU ${cpu.id} puts other tables into TTBR0_EL1 while its TLB has a global entry of those before, for ${formatSpan(tag, end)}: any process would use it`,
      describeEntry(cpu, k.space, way),
      'local_flush_tlb_all() with TTBR0_EL1 on reserved_pg_dir (cpu_uninstall_idmap(), arch/arm64/include/asm/mmu_context.h, 6.18)',
    );
    return; // one entry says it for all
  }
}
