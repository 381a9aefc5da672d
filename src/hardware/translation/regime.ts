import type { Side } from '../../arch/address.ts';
import { faultCode } from '../../arch/fault.ts';
import { extract } from '../../arch/field.ts';
import { blockAllowed, GRANULE_4K, GRANULES, type Granule, levelShift, startLevel } from '../../arch/granule.ts';
import { RIGHTS_EL0 } from '../../arch/permission.ts';
import {
  ID_AA64MMFR0_EL1,
  ID_AA64MMFR1_EL1,
  ID_AA64MMFR2_EL1,
  MAIR_EL1,
  PHYSICAL_ADDRESS_BITS,
  SCTLR_EL1,
  TCR_EL1,
  TTBR_EL1,
} from '../../arch/registers.ts';

/** The registers that stage 1 of EL1&0 reads. SCTLR_EL1.M is taken to be 1. */
export interface TranslationRegisters {
  readonly TCR_EL1: bigint;
  readonly TTBR0_EL1: bigint;
  readonly TTBR1_EL1: bigint;
  readonly MAIR_EL1: bigint;
  readonly SCTLR_EL1: bigint;
}

/** What a CPU's ID registers say about translation. */
export interface RegimeFeatures {
  /** Bits of physical address; 52 brings FEAT_LPA. */
  readonly physicalAddressBits: number;
  readonly hpds: boolean;
  readonly e0pd: boolean;
  /** FEAT_TTST: TxSZ up to 48 instead of 39. */
  readonly smallTables: boolean;
  /** FEAT_PAN3: SCTLR_EL1.EPAN. */
  readonly epan: boolean;
  /** FEAT_HAFDBS: 1, TCR_EL1.HA; 2, TCR_EL1.HD as well. */
  readonly hafdbs: number;
}

/**
 * Translation of one half of the address space, worked out once from the registers. Numbers only, always the same
 * shape: the walker reads it on every walk. An address the half does not map lies outside `start` .. `end`.
 */
export interface Regime {
  readonly side: Side;
  /** First address mapped, and the first after the last: equal when walks are disabled (EPDn, TnSZ out of range). */
  readonly start: number;
  readonly end: number;
  /** Physical address of the first table. */
  readonly root: number;
  /** Fault code that every walk ends in because `root` is out of range, 0: none. */
  readonly rootFault: number;
  readonly startLevel: number;
  readonly inputSizeBits: number;
  readonly pageShift: number;
  readonly stride: number;
  /** Output addresses from here up are address size faults. */
  readonly outputLimit: number;
  /** 1: descriptor bits 15:12 are bits 51:48 of the output address. */
  readonly wideOutput: number;
  /** Bit L is 1 where a block may stand at level L. */
  readonly blockLevels: number;
  /** Four bits a level, level 0 lowest: log2 of the contiguous run. */
  readonly contiguousBits: number;
  /** The LIMIT bits of table descriptors that count: 0 under HPDn. */
  readonly limitsMask: number;
  /** WXN in bit 8, EPAN in bit 9: the walker's part of its index of rights. */
  readonly rightsKey: number;
  /** 1: EL0 has no access to this half, and is told so by a translation fault at level 0. */
  readonly e0pd: number;
  /** Every right but those E0PD takes away. */
  readonly rightsMask: number;
  /** The attribute bytes of AttrIndx 0..3 and 4..7, first lowest, as int32. */
  readonly mairLow: number;
  readonly mairHigh: number;
  /** Bit N is 1 where AttrIndx N is Outer Shareable whatever SH says: Device, and Normal Non-cacheable. */
  readonly outerShareable: number;
  /** Of the TTBR that TCR_EL1.A1 selects, for both halves. */
  readonly asid: number;
  /** 1: hardware sets the Access flag of what it uses, TCR_EL1.HA; and the dirty state too, TCR_EL1.HD. */
  readonly managesAccessFlag: number;
  readonly managesDirtyState: number;
}

/** How the fields of TCR_EL1 are called for each half. */
const FIELDS = [
  { SZ: TCR_EL1.T0SZ, EPD: TCR_EL1.EPD0, TG: TCR_EL1.TG0, TBI: TCR_EL1.TBI0, HPD: TCR_EL1.HPD0, E0PD: TCR_EL1.E0PD0 },
  { SZ: TCR_EL1.T1SZ, EPD: TCR_EL1.EPD1, TG: TCR_EL1.TG1, TBI: TCR_EL1.TBI1, HPD: TCR_EL1.HPD1, E0PD: TCR_EL1.E0PD1 },
] as const;

const MAX_INPUT_BITS = 48;
const ALL_LIMITS = 0b1111;
const NORMAL_NON_CACHEABLE = 0x44;

function physicalAddressBits(encoding: number): number {
  return PHYSICAL_ADDRESS_BITS[encoding] ?? 52;
}

export function regimeFeatures(id: {
  readonly ID_AA64MMFR0_EL1: bigint;
  readonly ID_AA64MMFR1_EL1: bigint;
  readonly ID_AA64MMFR2_EL1: bigint;
}): RegimeFeatures {
  return {
    physicalAddressBits: physicalAddressBits(extract(id.ID_AA64MMFR0_EL1, ID_AA64MMFR0_EL1.PARange)),
    hpds: extract(id.ID_AA64MMFR1_EL1, ID_AA64MMFR1_EL1.HPDS) >= 1,
    e0pd: extract(id.ID_AA64MMFR2_EL1, ID_AA64MMFR2_EL1.E0PD) >= 1,
    smallTables: extract(id.ID_AA64MMFR2_EL1, ID_AA64MMFR2_EL1.ST) >= 1,
    epan: extract(id.ID_AA64MMFR1_EL1, ID_AA64MMFR1_EL1.PAN) >= 3,
    hafdbs: extract(id.ID_AA64MMFR1_EL1, ID_AA64MMFR1_EL1.HAFDBS),
  };
}

/** The granule TGn selects; a reserved encoding selects 4K, an IMPLEMENTATION DEFINED choice. */
function granuleOf(TG: number, side: Side): Granule {
  return Object.values(GRANULES).find((granule) => (side === 0 ? granule.TG0 : granule.TG1) === TG) ?? GRANULE_4K;
}

/** The table's address: bits below the size of the table read as zero. With 52-bit output bits 5:2 are bits 51:48. */
function tableBase(ttbr: bigint, tableBytes: number, outputBits: number): number {
  const base = extract(ttbr, TTBR_EL1.BADDR) * 2;
  if (outputBits <= 48) return base - (base % tableBytes);
  return base - (base % Math.max(tableBytes, 64)) + (Math.floor(base / 4) % 16) * 2 ** 48;
}

function outerShareable(mair: bigint): number {
  return Object.values(MAIR_EL1).reduce((bits, field, index) => {
    const attribute = extract(mair, field);
    return attribute < 0x10 || attribute === NORMAL_NON_CACHEABLE ? bits | (1 << index) : bits;
  }, 0);
}

function asidOf(registers: TranslationRegisters): number {
  const ttbr = extract(registers.TCR_EL1, TCR_EL1.A1) === 1 ? registers.TTBR1_EL1 : registers.TTBR0_EL1;
  const asid = extract(ttbr, TTBR_EL1.ASID);
  return extract(registers.TCR_EL1, TCR_EL1.AS) === 1 ? asid : asid & 0xff;
}

/** Levels 0..3 of a granule folded into one integer. */
function perLevel(bitsEach: number, of: (level: 0 | 1 | 2 | 3) => number): number {
  return ([0, 1, 2, 3] as const).reduce<number>((packed, level) => packed | (of(level) << (bitsEach * level)), 0);
}

/** Not modelled: TCR_EL1.DS (52-bit addresses with 4K and 16K), HA and HD: hardware never sets AF or dirty here. */
export function regimeOf(registers: TranslationRegisters, side: Side, features: RegimeFeatures): Regime {
  const tcr = registers.TCR_EL1;
  const fields = FIELDS[side];
  const granule = granuleOf(extract(tcr, fields.TG), side);
  const inputSizeBits = 64 - extract(tcr, fields.SZ);
  const fewestBits = features.smallTables ? 16 + Number(granule.name === '64K') : 25;
  const reserved = inputSizeBits > MAX_INPUT_BITS || inputSizeBits < fewestBits;
  const disabled = reserved || extract(tcr, fields.EPD) === 1;
  const first = reserved ? 0 : startLevel(granule, inputSizeBits);
  const lpa = features.physicalAddressBits === 52;
  const widest = granule.name === '64K' ? 52 : 48;
  const ips = physicalAddressBits(extract(tcr, TCR_EL1.IPS));
  const outputBits = Math.min(ips, features.physicalAddressBits, widest);
  const tableBytes = 8 * 2 ** (inputSizeBits - levelShift(granule, first));
  const root = tableBase(side === 0 ? registers.TTBR0_EL1 : registers.TTBR1_EL1, tableBytes, outputBits);
  const e0pd = features.e0pd && extract(tcr, fields.E0PD) === 1;
  const hpd = features.hpds && extract(tcr, fields.HPD) === 1;
  const epan = features.epan ? extract(registers.SCTLR_EL1, SCTLR_EL1.EPAN) : 0;
  return {
    side,
    start: disabled || side === 0 ? 0 : -(2 ** inputSizeBits),
    end: disabled || side === 1 ? 0 : 2 ** inputSizeBits,
    root,
    rootFault: root >= 2 ** outputBits ? faultCode('addrsize', 0) : 0,
    startLevel: first,
    inputSizeBits,
    pageShift: granule.pageShift,
    stride: granule.stride,
    outputLimit: 2 ** outputBits,
    wideOutput: lpa && granule.name === '64K' ? 1 : 0,
    blockLevels: perLevel(1, (level) => Number(blockAllowed(granule, level, lpa))),
    contiguousBits: perLevel(4, (level) => granule.contiguousBits[level]),
    limitsMask: hpd ? 0 : ALL_LIMITS,
    rightsKey: (extract(registers.SCTLR_EL1, SCTLR_EL1.WXN) << 8) | (epan << 9),
    e0pd: e0pd ? 1 : 0,
    rightsMask: e0pd ? 0xff & ~RIGHTS_EL0 : 0xff,
    mairLow: Number(BigInt.asIntN(32, registers.MAIR_EL1)),
    mairHigh: Number(BigInt.asIntN(32, registers.MAIR_EL1 >> 32n)),
    outerShareable: outerShareable(registers.MAIR_EL1),
    asid: asidOf(registers),
    managesAccessFlag: features.hafdbs >= 1 ? extract(tcr, TCR_EL1.HA) : 0,
    managesDirtyState: features.hafdbs >= 2 ? extract(tcr, TCR_EL1.HA) & extract(tcr, TCR_EL1.HD) : 0,
  };
}

/** `regimeOf` of one CPU's features, which remembers: an operating system has few regimes, and takes them up again and again. */
export function regimesOf(features: RegimeFeatures): (registers: TranslationRegisters, side: Side) => Regime {
  const known: { registers: TranslationRegisters; regimes: [Regime, Regime] }[] = [];
  return (registers, side) => {
    for (const { registers: same, regimes } of known) if (alike(same, registers)) return regimes[side];
    const regimes: [Regime, Regime] = [regimeOf(registers, 0, features), regimeOf(registers, 1, features)];
    if (known.length === MOST_KNOWN) known.shift();
    known.push({ registers, regimes });
    return regimes[side];
  };
}

const MOST_KNOWN = 8;

function alike(a: TranslationRegisters, b: TranslationRegisters): boolean {
  return (
    a.TTBR1_EL1 === b.TTBR1_EL1 &&
    a.TTBR0_EL1 === b.TTBR0_EL1 &&
    a.TCR_EL1 === b.TCR_EL1 &&
    a.SCTLR_EL1 === b.SCTLR_EL1 &&
    a.MAIR_EL1 === b.MAIR_EL1
  );
}

/** The attribute byte of MAIR_EL1 that AttrIndx (0..7) selects. */
export function memoryAttribute(regime: Regime, attrIndx: number): number {
  return ((attrIndx < 4 ? regime.mairLow : regime.mairHigh) >>> (8 * (attrIndx & 3))) & 0xff;
}

/**
 * A whole 64-bit address as a program holds it, tag and all, as the sign-extended address the walker takes. Bit 55
 * picks the half, TBIn drops bits 63:56. Undefined when the bits above the mapped ones are not all equal to bit 55:
 * a translation fault at level 0.
 */
export function canonical(pattern: bigint, tcr: bigint): number | undefined {
  const fields = FIELDS[(pattern >> 55n) & 1n ? 1 : 0];
  const untagged = BigInt.asIntN(extract(tcr, fields.TBI) === 1 ? 56 : 64, pattern);
  const above = untagged >> BigInt(64 - extract(tcr, fields.SZ));
  return above === 0n || above === -1n ? Number(untagged) : undefined;
}

/** E0PD keeps EL0 out of a half of the address space, whatever is there. DDI 0487, TCR_EL1.E0PD1. */
export function keptOut({ e0pd }: Regime, right: number): boolean {
  return e0pd !== 0 && (right & RIGHTS_EL0) !== 0;
}
