import { alignDown } from '../../arch/address.ts';

/** A board is plain data: which CPUs, which memory, which granule. Nothing here is alive; system.ts builds a machine from it. */

/** How a CPU answers when two TLB entries that differ only in size or in the contiguous bit match one address. */
export type BbmClass = 'level0' | 'level1' | 'level2' | 'level2-noabort' | 'level3';

export const bbmClasses = ['level0', 'level1', 'level2', 'level2-noabort', 'level3'] as const satisfies BbmClass[];

export const granules = ['4K', '16K', '64K'] as const;
export type Granule = (typeof granules)[number];

export const paBitsChoices = [32, 36, 40, 42, 44, 48] as const;
export type PaBits = (typeof paBitsChoices)[number];

/** The VA sizes that Linux offers for each granule (arch/arm64/Kconfig), 52-bit ones aside. */
export const vaBitsByGranule = { '4K': [39, 48], '16K': [36, 47, 48], '64K': [42, 48] } as const;
export type VaBits = (typeof vaBitsByGranule)[Granule][number];

export interface CpuFeatures {
  readonly tlbiRange: boolean; // ID_AA64ISAR0_EL1.TLB = 2
  readonly ttl: boolean; // ID_AA64MMFR2_EL1.TTL
  readonly cnp: boolean; // ID_AA64MMFR2_EL1.CnP
  readonly e0pd: boolean; // ID_AA64MMFR2_EL1.E0PD
  readonly hpds: boolean; // ID_AA64MMFR1_EL1.HPDS
  readonly pan: boolean; // ID_AA64MMFR1_EL1.PAN
  readonly lpa: boolean; // ID_AA64MMFR0_EL1.PARange = 6
  readonly hafdbs: 0 | 1 | 2; // ID_AA64MMFR1_EL1.HAFDBS
  readonly paBits: PaBits; // ID_AA64MMFR0_EL1.PARange
}

export interface CpuModel {
  readonly name: string; // 'Cortex-X4 r0p3'
  readonly midr: number; // MIDR_EL1, 32 bits, unsigned
  readonly bbm: 0 | 1 | 2 | 3; // ID_AA64MMFR2_EL1.BBM as the register reads
  readonly conflicts: BbmClass; // what the silicon really does
  readonly features: CpuFeatures;
  readonly tlb: { readonly entries: number; readonly ways: number }; // entries / ways sets, a power of two
  readonly walkCache: { readonly entries: number };
  readonly storeBuffer: { readonly entries: number };
  readonly errata: readonly string[]; // Linux's umbrella numbers: '3683289', '4118414' ...
}

/** PAMax: bits of physical address that the CPU implements. */
export function physicalAddressBits({ features }: Pick<CpuModel, 'features'>): number {
  return features.lpa ? 52 : features.paBits;
}

export interface MemoryBank {
  readonly base: number;
  readonly bytes: number;
}

/** Four segments one after the other from `pa`: [_text,_etext), [_etext,__init_begin), [__init_begin,_data), [_data,_end). */
export interface KernelImage {
  readonly pa: number;
  readonly textBytes: number;
  readonly rodataBytes: number;
  readonly initBytes: number;
  readonly dataBytes: number;
}

export interface Board {
  readonly name: string;
  readonly summary: string;
  readonly granule: Granule;
  readonly vaBits: VaBits;
  readonly memory: readonly MemoryBank[]; // sorted, disjoint, granule aligned
  readonly kernelImage: KernelImage;
  readonly cpus: readonly CpuModel[]; // index = logical CPU id; cpu 0 boots
  readonly interconnect: { readonly dvmLatencyCycles: number };
  readonly lateCpus: readonly number[]; // brought up only after the capabilities are final
}

/** Whatever makes a board from somebody's wishes answers with a board or with every problem found, one line each. */
export type BoardResult =
  | { readonly ok: true; readonly board: Board }
  | { readonly ok: false; readonly problems: readonly string[] };

export const maxCpus = 512;
export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
export const TiB = 1024 * GiB;

export const granuleBytes = (granule: Granule): number => ({ '4K': 4, '16K': 16, '64K': 64 })[granule] * KiB;

/** Bytes the linear map can span: the lower half of the TTBR1 space. */
export const linearMapBytes = (vaBits: VaBits): number => 2 ** (vaBits - 1);

export const memoryBytes = (board: Pick<Board, 'memory'>): number =>
  board.memory.reduce((sum, bank) => sum + bank.bytes, 0);

/** Linux: ARM64_MEMSTART_ALIGN, arch/arm64/include/asm/kernel-pgtable.h. */
const memstartAlign = (granule: Granule): number => (granule === '64K' ? 512 * MiB : GiB);

/** Linux: memstart_addr, arm64_memblock_init(): the physical address that the linear map begins with. */
export const memstartAddr = ({ memory, granule }: Pick<Board, 'memory' | 'granule'>): number =>
  alignDown(memory[0]!.base, memstartAlign(granule));

/** First byte after the image (_end). */
export const kernelImageEnd = (image: KernelImage): number =>
  image.pa + image.textBytes + image.rodataBytes + image.initBytes + image.dataBytes;

/** __init_begin: where the read-only kernel alias [_text, __init_begin) of the linear map ends. */
export const kernelAliasEnd = (image: KernelImage): number => image.pa + image.textBytes + image.rodataBytes;

/** A distribution kernel as it was found in the memory of a running machine: 32 MiB, 2 MiB + 64 KiB above the start of RAM. */
export function kernelImageAt(ramBase: number): KernelImage {
  return {
    pa: ramBase + 0x21_0000,
    textBytes: 0xcf_0000,
    rodataBytes: 0x96_0000,
    initBytes: 0x65_0000,
    dataBytes: 0x36_0000,
  };
}

export const formatAddress = (address: number): string => `0x${address.toString(16)}`;
export const formatRange = (start: number, end: number): string => `${formatAddress(start)}..${formatAddress(end)}`;
