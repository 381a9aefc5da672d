import { describe, expect, it } from 'vitest';
import { TLBI, TLBI_OPERATIONS } from '../../src/arch/tlbi.ts';

describe('TLBI operations', () => {
  it('mean what their names spell', () => {
    for (const { name, ...meaning } of TLBI_OPERATIONS) {
      const verb = name.replace(/(is|os)$/, '');
      expect(meaning.broadcast).toBe(name !== verb);
      expect(meaning.range).toBe(verb.startsWith('rv'));
      expect(meaning.lastLevelOnly).toBe(/le1$/.test(verb) && verb !== 'vmalle1');
      expect(meaning.allAsid).toBe(/aa/.test(verb) || verb === 'vmalle1');
      expect(meaning.byVa).toBe(verb !== 'vmalle1' && verb !== 'aside1');
    }
  });

  it('are thirty, found by name', () => {
    expect(TLBI_OPERATIONS).toHaveLength(30);
    expect(TLBI.vaale1is).toEqual({
      name: 'vaale1is',
      reach: 'inner',
      broadcast: true,
      byVa: true,
      range: false,
      lastLevelOnly: true,
      allAsid: true,
    });
    expect([TLBI.vale1.reach, TLBI.vmalle1os.reach]).toEqual(['local', 'outer']);
  });
});
