import type { CpuModel } from '../../hardware/board/board.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { canSetDirectMap, isSince, type Revision } from '../config.ts';
import type { Kernel } from '../kernel.ts';

/**
 * The capability ARM64_HAS_BBML2_NOABORT. Linux: arch/arm64/kernel/cpufeature.c. It holds for the system when every CPU
 * that came up before the capabilities were finalised has it; after that, a CPU without it is refused if the system
 * relies on it.
 */

/**
 * One line of the allow list: the revisions of a part that its vendor attests, and the kernel that first had it. Revision is
 * variant << 4 | revision.
 */
interface MidrRange {
  readonly name: string;
  readonly implementer: number;
  readonly part: number;
  readonly from: number;
  readonly to: number;
  readonly since: 'v4' | '6.18' | '7.3';
}

const r = (variant: number, revision: number): number => (variant << 4) | revision;
const anyRevision = { from: r(0, 0), to: r(15, 15) };

/**
 * Linux: supports_bbml2_noabort_list[]; 7.3 names it after BBML3. The posted series stood on the list of Cortex-X4 and
 * Neoverse-V3, and added AmpereOne.
 */
export const BBML2_NOABORT_LIST: readonly MidrRange[] = [
  { name: 'Cortex-X4', implementer: 0x41, part: 0xd82, from: r(0, 3), to: r(0, 15), since: 'v4' },
  { name: 'Neoverse-V3', implementer: 0x41, part: 0xd84, from: r(0, 2), to: r(0, 15), since: 'v4' },
  { name: 'AmpereOne', implementer: 0xc0, part: 0xac3, ...anyRevision, since: 'v4' },
  { name: 'AmpereOne-A', implementer: 0xc0, part: 0xac4, ...anyRevision, since: 'v4' },
  { name: 'Neoverse-V3AE', implementer: 0x41, part: 0xd83, from: r(0, 2), to: r(0, 15), since: '6.18' },
  { name: 'NVIDIA Olympus', implementer: 0x4e, part: 0x010, ...anyRevision, since: '6.18' },
  { name: 'Cortex-A520AE', implementer: 0x41, part: 0xd88, ...anyRevision, since: '7.3' },
  { name: 'Cortex-A715', implementer: 0x41, part: 0xd4d, ...anyRevision, since: '7.3' },
  { name: 'Cortex-A720AE', implementer: 0x41, part: 0xd89, ...anyRevision, since: '7.3' },
  { name: 'Cortex-A725', implementer: 0x41, part: 0xd87, ...anyRevision, since: '7.3' },
  { name: 'Neoverse-N3', implementer: 0x41, part: 0xd8e, ...anyRevision, since: '7.3' },
  { name: 'C1-Nano', implementer: 0x41, part: 0xd8a, ...anyRevision, since: '7.3' },
  { name: 'C1-Pro', implementer: 0x41, part: 0xd8b, ...anyRevision, since: '7.3' },
  { name: 'C1-Ultra', implementer: 0x41, part: 0xd8c, from: r(1, 1), to: r(15, 15), since: '7.3' }, // erratum 3683289
  { name: 'C1-Premium', implementer: 0x41, part: 0xd90, from: r(1, 1), to: r(15, 15), since: '7.3' }, // erratum 3683289
];

/** ID_AA64MMFR2_EL1.BBM: no conflict abort, by the architecture. */
const BBML3 = 3;

/**
 * Linux: cpu_supports_bbml2_noabort(): does this very CPU qualify? Usable at any time. The list alone counts, for AmpereOne
 * does not advertise the level; since 7.3 (cpu_supports_bbml3()) an ID register that says 3 is as good.
 */
export function cpuSupportsBbml2Noabort({ midr, bbm }: Pick<CpuModel, 'midr' | 'bbm'>, kernel: Revision): boolean {
  if (isSince(kernel, '7.3') && bbm >= BBML3) return true;
  const implementer = midr >>> 24;
  const part = (midr >>> 4) & 0xfff;
  const revision = (((midr >>> 20) & 0xf) << 4) | (midr & 0xf);
  return BBML2_NOABORT_LIST.some(
    (range) =>
      range.implementer === implementer &&
      range.part === part &&
      revision >= range.from &&
      revision <= range.to &&
      isSince(kernel, range.since),
  );
}

/** States of the variable `cpu_hwcaps_bbml2_noabort`. */
export const CAP_UNKNOWN = 0n;
export const CAP_PRESENT = 1n;
export const CAP_ABSENT = 2n;

/** Linux: update_cpu_capabilities(SCOPE_LOCAL_CPU) with "match all early CPUs": one CPU that does not match clears it. */
export function* updateCpuCapabilities(cpu: Cpu, k: Kernel): Op {
  const { cpu_hwcaps_bbml2_noabort: cap } = k.symbols.variables;
  if (!k.text.cpuSupportsBbml2Noabort(cpu.model, k.config.revision)) yield* store(cpu, cap, CAP_ABSENT);
  else if ((yield* load(cpu, cap)) === CAP_UNKNOWN) yield* store(cpu, cap, CAP_PRESENT);
}

/** Linux: verify_local_cpu_caps(): a late CPU must have what the system relies on. */
export function* verifyLocalCpuCaps(cpu: Cpu, k: Kernel): Op<boolean> {
  return !(yield* systemSupportsBbml2Noabort(cpu, k)) || k.text.cpuSupportsBbml2Noabort(cpu.model, k.config.revision);
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

/** Linux: force_pte_mapping(), once the capabilities are final: for what is mapped, or was to be split, at run time. */
export function* forcePteMappingNow(cpu: Cpu, k: Kernel): Op<boolean> {
  if (!(yield* systemCapabilitiesFinalized(cpu, k))) return forcePteMapping(cpu, k);
  if (k.config.debugPagealloc) return true;
  if (yield* systemSupportsBbml2Noabort(cpu, k)) return false;
  return canSetDirectMap(k.config) || k.config.realm;
}

/**
 * Linux: force_pte_mapping(), as the boot CPU asks it while it paints the linear map: nothing but itself is known yet.
 */
export function forcePteMapping(cpu: Cpu, k: Kernel): boolean {
  if (k.config.debugPagealloc) return true;
  if (k.text.cpuSupportsBbml2Noabort(cpu.model, k.config.revision)) return false;
  return canSetDirectMap(k.config);
}
