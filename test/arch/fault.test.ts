import { describe, expect, it } from 'vitest';
import { codeOf, esrOf, type Fault, faultCode, faultOf, formatFault } from '../../src/arch/fault.ts';

const met = { va: -(2 ** 48), access: 'write', el: 1 } as const;

const faults: Fault[] = (['addrsize', 'translation', 'accessflag', 'permission', 'external-abort'] as const)
  .flatMap((kind) => ([0, 1, 2, 3] as const).map((level): Fault => ({ kind, level, ...met })))
  .concat({ kind: 'external-abort', ...met }, { kind: 'alignment', ...met }, { kind: 'tlb-conflict', ...met });

describe('a fault code', () => {
  it('is never 0, differs for every fault, and decodes to it', () => {
    const codes = faults.map(codeOf);
    expect(codes).not.toContain(0);
    expect(new Set(codes).size).toBe(faults.length);
    expect(codes.map((code) => faultOf(code, met))).toEqual(faults);
  });

  it('counts up with the level, so that hot code may add it', () => {
    expect(faultCode('permission', 3) - faultCode('permission', 0)).toBe(3);
  });

  it('decodes to nothing from 0, and throws on an integer that is none', () => {
    expect(faultOf(0, met)).toBeUndefined();
    expect(() => faultOf(1, met)).toThrow(RangeError);
  });
});

describe('ESR_EL1', () => {
  it('has the class, direction and status the manual says', () => {
    expect(esrOf({ kind: 'translation', level: 3, ...met })).toBe(0x9600_0047);
    expect(esrOf({ kind: 'permission', level: 2, va: 0, access: 'read', el: 0 })).toBe(0x9200_000e);
    expect(esrOf({ kind: 'accessflag', level: 1, va: 0, access: 'execute', el: 1 })).toBe(0x8600_0009);
    expect(esrOf({ kind: 'addrsize', level: 0, va: 0, access: 'execute', el: 0 })).toBe(0x8200_0000);
    expect(esrOf({ kind: 'tlb-conflict', va: 0, access: 'read', el: 1 })).toBe(0x9600_0030);
    expect(esrOf({ kind: 'external-abort', level: 2, va: 0, access: 'read', el: 1 })).toBe(0x9600_0016);
    expect(esrOf({ kind: 'external-abort', va: 0, access: 'read', el: 1 })).toBe(0x9600_0010);
    expect(esrOf({ kind: 'alignment', va: 0, access: 'read', el: 1 })).toBe(0x9600_0021);
  });
});

describe('formatFault', () => {
  it('says what, where in the tables, who and at which address', () => {
    expect(formatFault({ kind: 'translation', level: 3, ...met })).toBe(
      'translation fault, level 3: EL1 write at 0xffff000000000000',
    );
    expect(formatFault({ kind: 'tlb-conflict', va: 0x1000, access: 'execute', el: 0 })).toBe(
      'TLB conflict abort: EL0 execute at 0x0000000000001000',
    );
  });
});
