import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMidr, encodeMidr, formatMidr, midrOf, PARTS, type PartName, partOf } from '../../src/arch/midr.ts';

describe('MIDR_EL1', () => {
  it('is the value the cores of the BBML2 list read', () => {
    expect(midrOf('Cortex-X4', 0, 3)).toBe(0x410fd823);
    expect(midrOf('Neoverse V3', 0, 2)).toBe(0x410fd842);
    expect(midrOf('AmpereOne')).toBe(0xc00fac30);
    expect(midrOf('Olympus')).toBe(0x4e0f0100);
    expect(midrOf('C1-Ultra', 1, 1)).toBe(0x411fd8c1);
  });

  it('prints as errata documents write it', () => {
    expect(formatMidr(0x410fd823)).toBe('Cortex-X4 r0p3');
    expect(formatMidr(0xc00fac30)).toBe('AmpereOne r0p0');
    expect(formatMidr(0x123f0452)).toBe('0x12:0x045 r3p2');
  });

  it('decodes to what was encoded', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (midr) => encodeMidr(decodeMidr(midr)) === midr));
  });

  it('names every part once', () => {
    for (const name of Object.keys(PARTS) as PartName[]) expect(partOf(midrOf(name))).toBe(name);
  });
});
