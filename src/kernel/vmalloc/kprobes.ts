import type { Cpu } from '../../hardware/cpu.ts';
import type { Op } from '../../hardware/op.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE_KERNEL } from '../tables/pgtable-prot.ts';
import { setMemoryRox } from './set-memory.ts';
import type { VmStruct } from './vm-area.ts';
import { vfree, vmalloc } from './vmalloc.ts';

/** The sentences of a kprobe's page. A named bug replaces one of them. */
export interface KprobesText {
  /** A page for copies of probed instructions, made of the page at `pa`; undefined: there is none. */
  readonly allocInsnPage: (cpu: Cpu, k: Kernel, pa: number) => Op<VmStruct | undefined>;
}

/**
 * Linux: alloc_insn_page(), kernel/kprobes.c, since 6.18: allocated writable, and made read-only and executable in both
 * places where it is mapped. Before, arm64 allocated it as PAGE_KERNEL_ROX, and its linear alias stayed writable.
 */
function* allocInsnPage(cpu: Cpu, k: Kernel, pa: number): Op<VmStruct | undefined> {
  const area = yield* vmalloc(cpu, k, { bytes: k.space.granule.pageBytes, prot: PAGE_KERNEL, pa });
  if (area === undefined || (yield* setMemoryRox(cpu, k, area.addr, 1)) === 0) return area;
  yield* vfree(cpu, k, area.addr);
  return undefined;
}

export const KPROBES_6_18: KprobesText = { allocInsnPage };
