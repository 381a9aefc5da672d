import { formatSize } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { read } from '../../hardware/memory/memory.ts';
import type { Place } from '../../hardware/memory/table-word.ts';
import { cpuSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import { MULTI_STOP_RUN } from '../../kernel/boot/stop-machine.ts';
import { type Kernel, variablePa } from '../../kernel/kernel.ts';
import { entryName } from '../../kernel/tables/entry-text.ts';
import { awaitsIsb, isInIdmap, walkerText } from '../walker-text.ts';
import { keepsTablesOf, type Walker } from '../walkers.ts';
import { describeDescriptor, formatSpan } from '../wording.ts';
import { type Change, className } from './bbm-rule.ts';

/** A change in place that some walker could not stand, in words. */
export interface InPlaceText {
  readonly message: string;
  readonly evidence: string[];
  readonly remedy: string;
}

/** `before` became `after` at `place`, by a store of `cpu`, while `walker` could walk there. */
export function inPlaceText(
  cpu: Cpu,
  k: Kernel,
  place: Place,
  before: bigint,
  after: bigint,
  change: Change,
  walker: Walker,
): InPlaceText {
  const { level, va, bytes } = place;
  const bbm = className(walker.bbm);
  return {
    message: `a live level ${level} entry (${formatSize(bytes)}) changed ${WHAT[change]} in place while CPU ${walker.cpu}, whose BBM class is ${bbm}, could walk it`,
    evidence: [
      `entry   ${formatSpan(va, va + bytes)} (${entryName(level, k.space.startLevel)})`,
      `before  ${describeDescriptor(before, level, va, k.space)}`,
      `after   ${describeDescriptor(after, level, va, k.space)}`,
      `walker  CPU ${walker.cpu} (${k.board.cpus[walker.cpu]?.name}): ${walkerText(cpu, k, walker.cpu)}`,
    ],
    remedy: remedyFor(cpu, k, change, walker),
  };
}

const WHAT: Readonly<Record<Change, string>> = {
  none: 'nothing',
  permission: 'its permissions',
  member: 'its permissions, alone of its contiguous group,',
  contiguous: 'its contiguous bit',
  size: 'its size',
  full: 'more than its size or permissions',
};

function remedyFor(cpu: Cpu, k: Kernel, change: Change, walker: Walker): string {
  if (change === 'member')
    return 'the contiguous bit comes off the whole group first (split_contpte(), 6.18), with break-before-make where it may not be done in place';
  if (change !== 'size' && change !== 'contiguous')
    return 'break-before-make: invalid entry, DSB, broadcast TLBI, DSB, then the new entry';
  return howToKeepOff(cpu, k, walker.cpu);
}

/** What Linux does so that CPU `id` cannot walk a table whose blocks another CPU splits, and here was not done. */
function howToKeepOff(cpu: Cpu, k: Kernel, id: number): string {
  const { board, config } = k;
  if (board.lateCpus.includes(id) && !cpuSupportsBbml2Noabort(board.cpus[id]!, config.revision))
    return `CPU ${id} came up when the linear map relied on BBML2, and had to be refused: verify_local_cpu_caps() ends in cpu_die_early() (6.18)`;
  const read64 = (variable: Parameters<typeof variablePa>[1]): bigint => read(cpu.memory, variablePa(k, variable));
  if (read64('multi_stop_state') !== MULTI_STOP_RUN)
    return `CPU ${id} must not be able to walk the table during the change (park it in the idmap with a reserved TTBR1: linear_map_split_to_ptes(), 6.18), or the change needs break-before-make`;
  if (id === cpu.id)
    return `CPU ${id} changes the table under its own feet: the split belongs to CPU 0, the boot CPU, the only one known to support BBML2 (linear_map_split_to_ptes(), 6.18)`;
  if (awaitsIsb(cpu, id))
    return `an ISB after CPU ${id} wrote TTBR1_EL1: until then its walker may go on from swapper_pg_dir (__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S, 6.18: MSR; ISB; TLBI VMALLE1; DSB NSH; ISB)`;
  if (keepsTablesOf(cpu, id, k.symbols.swapperPgDir))
    return `a TLBI on CPU ${id} after its TTBR1_EL1 has left swapper_pg_dir: until then its walk cache may lead back there (__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S, 6.18: MSR; ISB; TLBI VMALLE1; DSB NSH; ISB)`;
  const parked = read64('idmap_kpti_bbml2_flag');
  const online = read64('num_online_cpus');
  if (parked < online)
    return `the boot CPU has to wait until all have parked: smp_cond_load_acquire(&idmap_kpti_bbml2_flag, VAL == num_online_cpus()) in linear_map_split_to_ptes() (6.18); ${parked} of ${online} had counted themselves`;
  if (isInIdmap(cpu, k, id))
    return `CPU ${id} waits in the idmap, but with TTBR1_EL1 on swapper_pg_dir: reserved_pg_dir comes first (__idmap_cpu_set_reserved_ttbr1, arch/arm64/mm/proc.S, 6.18)`;
  return `CPU ${id} has to wait in the idmap with a reserved TTBR1, not on swapper_pg_dir: cpu_install_idmap(), then wait_linear_map_split_to_ptes() through its physical address (linear_map_split_to_ptes(), 6.18)`;
}
