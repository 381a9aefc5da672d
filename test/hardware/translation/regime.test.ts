import { describe, expect, it } from 'vitest';
import { faultCode } from '../../../src/arch/fault.ts';
import { pack } from '../../../src/arch/field.ts';
import { GRANULES } from '../../../src/arch/granule.ts';
import { RIGHT_EL0_READ, RIGHT_EL1_READ, RIGHT_EL1_WRITE } from '../../../src/arch/permission.ts';
import {
  ID_AA64MMFR0_EL1,
  ID_AA64MMFR1_EL1,
  ID_AA64MMFR2_EL1,
  MAIR_EL1,
  TCR_EL1,
  TTBR_EL1,
} from '../../../src/arch/registers.ts';
import { canonical, memoryAttribute, regimeFeatures, regimeOf } from '../../../src/hardware/translation/regime.ts';
import { newWalk, refusal } from '../../../src/hardware/translation/walker.ts';

const features = regimeFeatures({
  ID_AA64MMFR0_EL1: pack(ID_AA64MMFR0_EL1, { PARange: 5 }),
  ID_AA64MMFR1_EL1: pack(ID_AA64MMFR1_EL1, { HPDS: 1, PAN: 3 }),
  ID_AA64MMFR2_EL1: pack(ID_AA64MMFR2_EL1, { E0PD: 1 }),
});

const registers = {
  TCR_EL1: pack(TCR_EL1, { T0SZ: 25, T1SZ: 16, TG0: GRANULES['16K'].TG0, TG1: GRANULES['64K'].TG1, IPS: 6 }),
  TTBR0_EL1: 0n,
  TTBR1_EL1: 0n,
  MAIR_EL1: pack(MAIR_EL1, { Attr0: 0x00, Attr1: 0x44, Attr2: 0xff, Attr7: 0x04 }),
  SCTLR_EL1: 0n,
};

describe('regimeOf', () => {
  it('takes granule and size of each half from its own fields', () => {
    expect(regimeOf(registers, 0, features)).toMatchObject({ start: 0, end: 2 ** 39, pageShift: 14, startLevel: 1 });
    expect(regimeOf(registers, 1, features)).toMatchObject({ start: -(2 ** 48), end: 0, pageShift: 16, startLevel: 1 });
  });

  it('never has more output bits than the CPU, and ignores what the CPU lacks', () => {
    expect(regimeOf(registers, 1, features).outputLimit).toBe(2 ** 48);
    expect(regimeOf(registers, 1, { ...features, physicalAddressBits: 40 }).outputLimit).toBe(2 ** 40);
    const TCR = pack(TCR_EL1, { HPD1: 1, E0PD1: 1 }, registers.TCR_EL1);
    const bare = { ...features, hpds: false, e0pd: false };
    expect(regimeOf({ ...registers, TCR_EL1: TCR }, 1, bare)).toMatchObject({ limitsMask: 15, e0pd: 0 });
    expect(regimeOf({ ...registers, TCR_EL1: TCR }, 1, features)).toMatchObject({ limitsMask: 0, e0pd: 1 });
  });

  it('maps nothing where TnSZ is out of range', () => {
    const TCR = pack(TCR_EL1, { T0SZ: 40, T1SZ: 12 }, registers.TCR_EL1);
    for (const side of [0, 1] as const) {
      expect(regimeOf({ ...registers, TCR_EL1: TCR }, side, features)).toMatchObject({ start: 0, end: 0 });
    }
    const small = regimeOf({ ...registers, TCR_EL1: TCR }, 0, { ...features, smallTables: true });
    expect(small.end).toBe(2 ** 24);
  });

  it('reads the bits of TTBR below the size of the table as zero, CnP among them', () => {
    const TTBR = pack(TTBR_EL1, { BADDR: 0x2000_0fff, CnP: 1 });
    expect(regimeOf({ ...registers, TTBR1_EL1: TTBR }, 1, features).root).toBe(0x4000_1e00);
  });

  it('finds bits 51:48 of the root in TTBR bits 5:2 when addresses have 52 bits', () => {
    const TTBR = pack(TTBR_EL1, { BADDR: (0x8000_0000 + (0xa << 2)) / 2 });
    const root = 0xa * 2 ** 48 + 0x8000_0000;
    const wide = { ...features, physicalAddressBits: 52 };
    expect(regimeOf({ ...registers, TTBR1_EL1: TTBR }, 1, wide)).toMatchObject({ root, rootFault: 0 });
  });

  it('takes the ASID of both halves from the TTBR that A1 selects, 8 bits of it without AS', () => {
    const ttbrs = { TTBR0_EL1: pack(TTBR_EL1, { ASID: 0x1234 }), TTBR1_EL1: pack(TTBR_EL1, { ASID: 0x5678 }) };
    const asid = (fields: { A1: number; AS: number }, side: 0 | 1): number =>
      regimeOf({ ...registers, ...ttbrs, TCR_EL1: pack(TCR_EL1, fields, registers.TCR_EL1) }, side, features).asid;
    expect(asid({ A1: 0, AS: 1 }, 1)).toBe(0x1234);
    expect(asid({ A1: 1, AS: 1 }, 0)).toBe(0x5678);
    expect(asid({ A1: 1, AS: 0 }, 0)).toBe(0x78);
  });

  it('knows Device and Normal Non-cacheable memory as Outer Shareable', () => {
    const regime = regimeOf(registers, 1, features);
    expect(regime.outerShareable).toBe(0b1111_1011);
    expect([0, 1, 2, 7].map((attrIndx) => memoryAttribute(regime, attrIndx))).toEqual([0x00, 0x44, 0xff, 0x04]);
  });
});

describe('canonical', () => {
  it('sign-extends, and refuses a hole in the address', () => {
    expect(canonical(0xffff_0000_0000_1000n, registers.TCR_EL1)).toBe(-(2 ** 48) + 0x1000);
    expect(canonical(0x7f_ffff_f000n, registers.TCR_EL1)).toBe(0x7f_ffff_f000);
    expect(canonical(0x80_0000_0000n, registers.TCR_EL1)).toBeUndefined();
    expect(canonical(0xfffe_ffff_ffff_ffffn, registers.TCR_EL1)).toBeUndefined();
  });

  it('drops the tag only where TBI of that half is set', () => {
    const TCR = pack(TCR_EL1, { TBI0: 1 }, registers.TCR_EL1);
    expect(canonical(0xab00_0000_0000_1000n, TCR)).toBe(0x1000);
    expect(canonical(0xab00_0000_0000_1000n, registers.TCR_EL1)).toBeUndefined();
    expect(canonical(0xabff_0000_0000_1000n, TCR)).toBeUndefined();
  });
});

describe('refusal', () => {
  it('denies EL0 a half under E0PD before the walk counts, and the rest by rights', () => {
    const walked = { ...newWalk(), fault: faultCode('translation', 3), rights: 0 };
    const e0pd = { ...regimeOf(registers, 1, features), e0pd: 1 };
    expect(refusal(e0pd, walked, RIGHT_EL0_READ)).toBe(faultCode('translation', 0));
    expect(refusal(e0pd, walked, RIGHT_EL1_READ)).toBe(faultCode('translation', 3));
    const read = { ...walked, fault: 0, level: 2, rights: RIGHT_EL1_READ };
    expect(refusal(e0pd, read, RIGHT_EL1_READ)).toBe(0);
    expect(refusal(e0pd, read, RIGHT_EL1_WRITE)).toBe(faultCode('permission', 2));
  });
});
