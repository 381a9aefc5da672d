import { bit, bits } from './field.ts';

/**
 * Fields of system registers, for `extract`, `pack` and `unpack` of field.ts. Those of TCR_EL1 and SCTLR_EL1 that
 * only matter to features outside this model are left out; `pack` over a base keeps them. DDI 0487, chapter D24.
 */
export const TCR_EL1 = {
  T0SZ: bits(5, 0),
  EPD0: bit(7),
  IRGN0: bits(9, 8),
  ORGN0: bits(11, 10),
  SH0: bits(13, 12),
  TG0: bits(15, 14),
  T1SZ: bits(21, 16),
  A1: bit(22),
  EPD1: bit(23),
  IRGN1: bits(25, 24),
  ORGN1: bits(27, 26),
  SH1: bits(29, 28),
  TG1: bits(31, 30),
  IPS: bits(34, 32),
  AS: bit(36),
  TBI0: bit(37),
  TBI1: bit(38),
  HA: bit(39),
  HD: bit(40),
  HPD0: bit(41),
  HPD1: bit(42),
  TBID0: bit(51),
  TBID1: bit(52),
  NFD0: bit(53),
  NFD1: bit(54),
  E0PD0: bit(55),
  E0PD1: bit(56),
  DS: bit(59),
} as const;

/** TTBR0_EL1 and TTBR1_EL1. */
export const TTBR_EL1 = {
  CnP: bit(0),
  BADDR: bits(47, 1),
  ASID: bits(63, 48),
} as const;

/** One attribute byte an AttrIndx. */
export const MAIR_EL1 = {
  Attr0: bits(7, 0),
  Attr1: bits(15, 8),
  Attr2: bits(23, 16),
  Attr3: bits(31, 24),
  Attr4: bits(39, 32),
  Attr5: bits(47, 40),
  Attr6: bits(55, 48),
  Attr7: bits(63, 56),
} as const;

export const SCTLR_EL1 = {
  M: bit(0),
  A: bit(1),
  C: bit(2),
  I: bit(12),
  WXN: bit(19),
  SPAN: bit(23),
  E0E: bit(24),
  EE: bit(25),
  EPAN: bit(57),
} as const;

export const ID_AA64MMFR0_EL1 = {
  PARange: bits(3, 0),
  ASIDBits: bits(7, 4),
  BigEnd: bits(11, 8),
  SNSMem: bits(15, 12),
  BigEndEL0: bits(19, 16),
  TGran16: bits(23, 20),
  TGran64: bits(27, 24),
  TGran4: bits(31, 28),
  TGran16_2: bits(35, 32),
  TGran64_2: bits(39, 36),
  TGran4_2: bits(43, 40),
  ExS: bits(47, 44),
  FGT: bits(59, 56),
  ECV: bits(63, 60),
} as const;

export const ID_AA64MMFR1_EL1 = {
  HAFDBS: bits(3, 0),
  VMIDBits: bits(7, 4),
  VH: bits(11, 8),
  HPDS: bits(15, 12),
  LO: bits(19, 16),
  PAN: bits(23, 20),
  SpecSEI: bits(27, 24),
  XNX: bits(31, 28),
  TWED: bits(35, 32),
  ETS: bits(39, 36),
  HCX: bits(43, 40),
  AFP: bits(47, 44),
  nTLBPA: bits(51, 48),
  TIDCP1: bits(55, 52),
  CMOW: bits(59, 56),
  ECBHB: bits(63, 60),
} as const;

export const ID_AA64MMFR2_EL1 = {
  CnP: bits(3, 0),
  UAO: bits(7, 4),
  LSM: bits(11, 8),
  IESB: bits(15, 12),
  VARange: bits(19, 16),
  CCIDX: bits(23, 20),
  NV: bits(27, 24),
  ST: bits(31, 28),
  AT: bits(35, 32),
  IDS: bits(39, 36),
  FWB: bits(43, 40),
  TTL: bits(51, 48),
  BBM: bits(55, 52),
  EVT: bits(59, 56),
  E0PD: bits(63, 60),
} as const;

export const ID_AA64ISAR0_EL1 = {
  AES: bits(7, 4),
  SHA1: bits(11, 8),
  SHA2: bits(15, 12),
  CRC32: bits(19, 16),
  Atomic: bits(23, 20),
  TME: bits(27, 24),
  RDM: bits(31, 28),
  SHA3: bits(35, 32),
  SM3: bits(39, 36),
  SM4: bits(43, 40),
  DP: bits(47, 44),
  FHM: bits(51, 48),
  TS: bits(55, 52),
  TLB: bits(59, 56),
  RNDR: bits(63, 60),
} as const;

/** Bits of physical address by the encoding that ID_AA64MMFR0_EL1.PARange and TCR_EL1.IPS share. */
export const PHYSICAL_ADDRESS_BITS = [32, 36, 40, 42, 44, 48, 52] as const;
