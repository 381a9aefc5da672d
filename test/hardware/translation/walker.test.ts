import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sideOf } from '../../../src/arch/address.ts';
import {
  blockDescriptor,
  type Descriptor,
  OUTPUT,
  pageDescriptor,
  tableDescriptor,
} from '../../../src/arch/descriptor.ts';
import { faultCode, faultOf } from '../../../src/arch/fault.ts';
import { extract, pack } from '../../../src/arch/field.ts';
import { GRANULE_4K, GRANULE_64K, type Granule } from '../../../src/arch/granule.ts';
import { RIGHT_EL0_EXECUTE } from '../../../src/arch/permission.ts';
import { SCTLR_EL1, TCR_EL1, TTBR_EL1 } from '../../../src/arch/registers.ts';
import {
  canonical,
  memoryAttribute,
  type Regime,
  type RegimeFeatures,
  regimeOf,
  type TranslationRegisters,
} from '../../../src/hardware/translation/regime.ts';
import {
  type DescriptorSource,
  newWalk,
  refusal,
  type Walk,
  walk,
  walkFrom,
} from '../../../src/hardware/translation/walker.ts';

type Row = readonly [va: string, ...answers: string[]];

interface Case {
  readonly name: string;
  readonly side: 0 | 1;
  readonly granuleKiB: number;
  readonly tcr: string;
  readonly ttbr0: string;
  readonly ttbr1: string;
  readonly mair: string;
  readonly sctlr: string;
  readonly imagePa: string;
  readonly imageGzB64: string;
  readonly walks: readonly Row[];
}

const { cases } = JSON.parse(
  gunzipSync(readFileSync(new URL('../../data/mmu/walks.json.gz', import.meta.url))).toString(),
) as { cases: readonly Case[] };

const FIRST_FETCH_PROBE = 6;

/** The emulated CPU. */
const EVERYTHING: RegimeFeatures = {
  physicalAddressBits: 52,
  hpds: true,
  e0pd: true,
  smallTables: true,
  hafdbs: 0,
  epan: true,
};

function registersOf(from: Case): TranslationRegisters {
  return {
    TCR_EL1: BigInt(from.tcr),
    TTBR0_EL1: BigInt(from.ttbr0),
    TTBR1_EL1: BigInt(from.ttbr1),
    MAIR_EL1: BigInt(from.mair),
    SCTLR_EL1: BigInt(from.sctlr),
  };
}

/** RAM of which `bytes` at `start` are given and the rest reads 0. */
function ram(start: number, bytes: Uint8Array): DescriptorSource {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const halves = new Uint32Array(2);
  return {
    halves,
    fetch(pa) {
      if (pa < 0x4000_0000 || pa > 0x1_3fff_ffff) return false;
      const offset = pa - start;
      const given = offset >= 0 && offset < bytes.byteLength;
      halves[0] = given ? view.getUint32(offset, true) : 0;
      halves[1] = given ? view.getUint32(offset + 4, true) : 0;
      return true;
    },
  };
}

/** One probe's answer in the words of the data. */
function answer(regime: Regime, va: number, walked: Walk, probe: number): string {
  const fault = faultOf(refusal(regime, walked, 1 << probe), { va, access: 'read', el: 0 });
  if (fault?.kind === 'external-abort') return 'external-abort';
  if (fault !== undefined && 'level' in fault) return `${fault.kind}-L${fault.level}`;
  if (probe >= FIRST_FETCH_PROBE) return 'ok';
  const attribute = memoryAttribute(regime, walked.attrIndx).toString(16).padStart(2, '0');
  return `0x${walked.pa.toString(16)} 0x${attribute} ${walked.sh}`;
}

/** The answers of a row, with `-` where the data has one. */
function answers(source: DescriptorSource, regime: Regime, tcr: bigint, row: Row, walked: Walk): string {
  const [pattern, ...expected] = row;
  const va = canonical(BigInt(pattern), tcr);
  if (va !== undefined) walk(source, regime, va, walked);
  return expected
    .map((wanted, probe) => {
      if (wanted === '-') return '-';
      return va === undefined ? 'translation-L0' : answer(regime, va, walked, probe);
    })
    .join();
}

/** Corner 1: with 64K and IPS below 52 bits the emulator ignores descriptor bits 15:12; here they are OA[51:48]. */
function ignoringBits51To48(regime: Regime): Regime {
  return { ...regime, wideOutput: 0 };
}

/** Corner 2: the emulator checks the output address before it drops the bits below the size of the block. */
function outOfRangeBeforeMasking(regime: Regime, walked: Walk): boolean {
  const descriptor = (BigInt(walked.high >>> 0) << 32n) | BigInt(walked.low >>> 0);
  const output = extract(descriptor, OUTPUT.high) * 2 ** 32 + extract(descriptor, OUTPUT.low) * 4096;
  return walked.fault === 0 && output >= regime.outputLimit;
}

/** How the rows of the data compare, a regime changed by `perturb` or features by `features`. */
function compare(perturb = (regime: Regime): Regime => regime, features = EVERYTHING) {
  const count = {
    rows: 0,
    answers: 0,
    agreed: 0,
    bits51To48: 0,
    beforeMasking: 0,
    fourTerabytes: 0,
    contiguous: 0,
    otherwise: 0,
  };
  const walked = newWalk();
  for (const from of cases) {
    const source = ram(Number(from.imagePa), gunzipSync(Buffer.from(from.imageGzB64, 'base64')));
    const registers = registersOf(from);
    const regime = perturb(regimeOf(registers, from.side, features));
    for (const row of from.walks) {
      const expected = row.slice(1).join();
      count.rows += 1;
      count.answers += row.slice(1).filter((each) => each !== '-').length;
      walked.fault = -1;
      if (answers(source, regime, registers.TCR_EL1, row, walked) === expected) {
        count.agreed += 1;
        // Corner 3: agreed because this CPU has FEAT_LPA.
        if (walked.fault === 0 && walked.sizeShift === 42) count.fourTerabytes += 1;
        // Corner 4: agreed although the Contiguous bit has no effect on the emulator, as it has none on a lone walk here.
        if (walked.fault === 0 && walked.contiguousShift > walked.sizeShift) count.contiguous += 1;
        continue;
      }
      if (outOfRangeBeforeMasking(regime, walked) && expected.includes(`addrsize-L${walked.level}`)) {
        count.beforeMasking += 1;
      } else if (
        from.granuleKiB === 64 &&
        answers(source, ignoringBits51To48(regime), registers.TCR_EL1, row, walked) === expected
      ) {
        count.bits51To48 += 1;
      } else {
        count.otherwise += 1;
      }
    }
  }
  return count;
}

describe('against an independent emulator', () => {
  it('agrees on all eight probes of 12,750 translations, but for the named corners', () => {
    expect(compare()).toEqual({
      rows: 12750,
      answers: 93706,
      agreed: 12624,
      bits51To48: 126,
      beforeMasking: 0,
      // Two more are among the 126.
      fourTerabytes: 28,
      contiguous: 3924,
      otherwise: 0,
    });
  });

  it('would disagree on the 4 TB blocks alone if the CPU had no FEAT_LPA (corner 3)', () => {
    const without = compare((regime) => regime, { ...EVERYTHING, physicalAddressBits: 48 });
    expect(without).toMatchObject({ agreed: 12720, bits51To48: 0, beforeMasking: 0, fourTerabytes: 0, otherwise: 30 });
  });

  it.each<[what: string, perturb: (regime: Regime) => Regime, rows: number]>([
    ['rights of EL0', (regime) => ({ ...regime, rightsMask: regime.rightsMask & ~RIGHT_EL0_EXECUTE }), 1423],
    ['hierarchical attributes', (regime) => ({ ...regime, limitsMask: regime.limitsMask ^ 0b1111 }), 1303],
    ['WXN', (regime) => ({ ...regime, rightsKey: regime.rightsKey ^ (1 << 8) }), 725],
    ['E0PD', (regime) => ({ ...regime, e0pd: 0 }), 691],
    ['shareability', (regime) => ({ ...regime, outerShareable: 0 }), 2589],
    ['memory types', (regime) => ({ ...regime, mairLow: ~regime.mairLow }), 3447],
    ['address size', (regime) => ({ ...regime, outputLimit: regime.outputLimit / 2 }), 1939],
    ['the root', (regime) => ({ ...regime, root: regime.root + 8 }), 6687],
  ])('would notice a mistake in %s', (_, perturb, rows) => {
    expect(compare(perturb).otherwise).toBe(rows);
  });
});

const ROOT = 0x4000_0000;

/** Tables from ROOT up, one entry each: entry `index` of the n-th table of `granule` is the n-th descriptor. */
function chain(granule: Granule, index: number, descriptors: readonly Descriptor[]): DescriptorSource {
  const bytes = new Uint8Array(granule.pageBytes * descriptors.length);
  const view = new DataView(bytes.buffer);
  descriptors.forEach((descriptor, table) => {
    view.setBigUint64(table * granule.pageBytes + index * 8, descriptor, true);
  });
  return ram(ROOT, bytes);
}

const next = (granule: Granule, table: number): Descriptor => tableDescriptor(ROOT + table * granule.pageBytes);

const KERNEL: TranslationRegisters = {
  TCR_EL1: pack(TCR_EL1, { T0SZ: 16, T1SZ: 16, TG1: GRANULE_4K.TG1, IPS: 5 }),
  TTBR0_EL1: pack(TTBR_EL1, { BADDR: ROOT / 2 }),
  TTBR1_EL1: pack(TTBR_EL1, { BADDR: ROOT / 2 }),
  MAIR_EL1: 0xffn,
  SCTLR_EL1: pack(SCTLR_EL1, { M: 1 }),
};
const LOWEST = -(2 ** 48);

describe('walk', () => {
  const page = pageDescriptor(0x8000_0000, { AF: 1, Contiguous: 1, nG: 1 });
  const source = chain(GRANULE_4K, 0, [1, 2, 3].map((table) => next(GRANULE_4K, table)).concat(page));
  const regime = regimeOf(KERNEL, 1, EVERYTHING);

  it('says where each table lies, and what the Contiguous bit adds', () => {
    const walked = newWalk();
    walk(source, regime, LOWEST + 0xabc, walked);
    expect(walked).toMatchObject({ fault: 0, level: 3, sizeShift: 12, contiguousShift: 16, nG: 1, pa: 0x8000_0abc });
    expect([...walked.tables]).toEqual([0, 1, 2, 3].map((table) => ROOT + table * 4096));
    expect(walked.descriptorPa).toBe(ROOT + 3 * 4096);
  });

  it('gives the same from the middle as from the root', () => {
    for (const from of cases.filter(({ name }) => name.startsWith('perm') || name.startsWith('size'))) {
      const image = ram(Number(from.imagePa), gunzipSync(Buffer.from(from.imageGzB64, 'base64')));
      const half = regimeOf(registersOf(from), from.side, EVERYTHING);
      const whole = newWalk();
      const rest = newWalk();
      for (const [pattern] of from.walks) {
        const va = canonical(BigInt(pattern), BigInt(from.tcr));
        if (va === undefined || sideOf(va) !== from.side) continue;
        walk(image, half, va, whole);
        if (whole.fault !== 0) continue;
        rest.tables.set(whole.tables);
        walkFrom(image, half, va, whole.level, whole.tables[whole.level]!, whole.limits, rest);
        expect(rest).toEqual(whole);
      }
    }
  });

  it('faults at level 0 outside the half, where walks are disabled, and on a root out of range', () => {
    const walked = newWalk();
    const faultAt = (half: Regime, va: number): number => {
      walk(source, half, va, walked);
      return walked.fault;
    };
    const disabled = { ...KERNEL, TCR_EL1: pack(TCR_EL1, { EPD1: 1 }, KERNEL.TCR_EL1) };
    const far = { ...KERNEL, TTBR1_EL1: pack(TTBR_EL1, { BADDR: 2 ** 44 / 2 }) };
    expect(faultAt(regime, LOWEST - 4096)).toBe(faultCode('translation', 0));
    expect(faultAt(regime, 0)).toBe(faultCode('translation', 0));
    expect(faultAt(regimeOf(disabled, 1, EVERYTHING), LOWEST)).toBe(faultCode('translation', 0));
    expect(faultAt(regimeOf(far, 1, { ...EVERYTHING, physicalAddressBits: 44 }), LOWEST)).toBe(
      faultCode('addrsize', 0),
    );
  });

  it('drops the bits below the size of a block before it checks the address size (corner 2)', () => {
    const TCR = pack(TCR_EL1, { T1SZ: 16, TG1: GRANULE_64K.TG1, IPS: 1 });
    const half = regimeOf({ ...KERNEL, TCR_EL1: TCR }, 1, EVERYTHING);
    const walked = newWalk();
    walk(chain(GRANULE_64K, 0, [blockDescriptor(2 ** 40, { AF: 1 })]), half, LOWEST, walked);
    expect(walked).toMatchObject({ fault: 0, level: 1, sizeShift: 42, base: 0 });
    expect(outOfRangeBeforeMasking(half, walked)).toBe(true);
  });

  it('reports an external abort at the level whose descriptor could not be read', () => {
    const walked = newWalk();
    walk(chain(GRANULE_4K, 0, [tableDescriptor(0x2000_0000)]), regime, LOWEST, walked);
    expect(walked.fault).toBe(faultCode('external-abort', 1));
    expect(walked.descriptorPa).toBe(0x2000_0000);
  });
});
