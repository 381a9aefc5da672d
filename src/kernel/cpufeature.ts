import type { CpuModel } from '../hardware/board.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { load, store } from '../hardware/load-store.ts';
import type { Op } from '../hardware/op.ts';
import { canSetDirectMap } from './config.ts';
import type { Kernel } from './kernel.ts';

/**
 * The capability ARM64_HAS_BBML2_NOABORT. Linux: arch/arm64/kernel/cpufeature.c. It holds for the system when every CPU
 * that came up before the capabilities were finalised has it; after that, a CPU without it is refused if the system
 * relies on it.
 */

/** One line of the allow list: the revisions of a part that its vendor attests. Revision is variant << 4 | revision. */
interface MidrRange {
  readonly name: string;
  readonly implementer: number;
  readonly part: number;
  readonly from: number;
  readonly to: number;
}

const r = (variant: number, revision: number): number => (variant << 4) | revision;

/** Linux: supports_bbml2_noabort_list[] of 6.18. The ID register is not asked: AmpereOne does not advertise the level. */
export const BBML2_NOABORT_LIST: readonly MidrRange[] = [
  { name: 'Cortex-X4', implementer: 0x41, part: 0xd82, from: r(0, 3), to: r(0, 15) },
  { name: 'Neoverse-V3', implementer: 0x41, part: 0xd84, from: r(0, 2), to: r(0, 15) },
  { name: 'Neoverse-V3AE', implementer: 0x41, part: 0xd83, from: r(0, 2), to: r(0, 15) },
  { name: 'NVIDIA Olympus', implementer: 0x4e, part: 0x010, from: r(0, 0), to: r(15, 15) },
  { name: 'AmpereOne', implementer: 0xc0, part: 0xac3, from: r(0, 0), to: r(15, 15) },
  { name: 'AmpereOne-A', implementer: 0xc0, part: 0xac4, from: r(0, 0), to: r(15, 15) },
];

/** Linux: cpu_supports_bbml2_noabort(): does this very CPU qualify? Usable at any time. */
export function cpuSupportsBbml2Noabort(model: CpuModel): boolean {
  const implementer = model.midr >>> 24;
  const part = (model.midr >>> 4) & 0xfff;
  const revision = (((model.midr >>> 20) & 0xf) << 4) | (model.midr & 0xf);
  return BBML2_NOABORT_LIST.some(
    (range) =>
      range.implementer === implementer && range.part === part && revision >= range.from && revision <= range.to,
  );
}

/** States of the variable `cpu_hwcaps_bbml2_noabort`. */
export const CAP_UNKNOWN = 0n;
export const CAP_PRESENT = 1n;
export const CAP_ABSENT = 2n;

/** Linux: update_cpu_capabilities(SCOPE_LOCAL_CPU) with "match all early CPUs": one CPU that does not match clears it. */
export function* updateCpuCapabilities(cpu: Cpu, k: Kernel): Op {
  const { cpu_hwcaps_bbml2_noabort: cap } = k.symbols.variables;
  if (!cpuSupportsBbml2Noabort(cpu.model)) yield* store(cpu, cap, CAP_ABSENT);
  else if ((yield* load(cpu, cap)) === CAP_UNKNOWN) yield* store(cpu, cap, CAP_PRESENT);
}

/** Linux: verify_local_cpu_caps(): a late CPU must have what the system relies on. */
export function* verifyLocalCpuCaps(cpu: Cpu, k: Kernel): Op<boolean> {
  return !(yield* systemSupportsBbml2Noabort(cpu, k)) || cpuSupportsBbml2Noabort(cpu.model);
}

/** Linux: setup_system_features(): from here on the answer is fixed. */
export function* finaliseSystemCapabilities(cpu: Cpu, k: Kernel): Op {
  yield* store(cpu, k.symbols.variables.system_capabilities_finalized, 1n);
}

export function* systemCapabilitiesFinalized(cpu: Cpu, k: Kernel): Op<boolean> {
  return (yield* load(cpu, k.symbols.variables.system_capabilities_finalized)) === 1n;
}

/** Linux: system_supports_bbml2_noabort(): false until the capabilities are final. */
export function* systemSupportsBbml2Noabort(cpu: Cpu, k: Kernel): Op<boolean> {
  if (!(yield* systemCapabilitiesFinalized(cpu, k))) return false;
  return (yield* load(cpu, k.symbols.variables.cpu_hwcaps_bbml2_noabort)) === CAP_PRESENT;
}

/**
 * Linux: force_pte_mapping(), as the boot CPU asks it while it paints the linear map: nothing but itself is known yet.
 */
export function forcePteMapping(cpu: Cpu, k: Kernel): boolean {
  if (k.config.debugPagealloc) return true;
  if (cpuSupportsBbml2Noabort(cpu.model)) return false;
  return canSetDirectMap(k.config);
}
