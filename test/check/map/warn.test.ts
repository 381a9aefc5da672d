import { describe, expect, test } from 'vitest';
import { refused } from '../../../src/check/map/warn.ts';
import { standardProperties } from '../../../src/check/standard.ts';
import { tail } from '../../../src/hardware/trace.ts';
import { WARNINGS, type Warning, warn } from '../../../src/kernel/warn.ts';
import { rigOf } from '../rig.ts';

/** What is said to a warning by those properties. */
function judged(by: Warning, properties = standardProperties) {
  const rig = rigOf({ classes: ['level0'], properties });
  warn(rig.cpus[0]!, by, 'something is odd', rig.k.space.pageOffset);
  const { kind, detail } = tail(rig.cpus[0]!.trace, 0, 1)[0]!;
  expect([kind, WARNINGS[detail]]).toEqual(['warn', by]);
  return rig.reports.map(({ property, message }) => `${property}: ${message}`);
}

describe('a WARN', () => {
  test.each(['pageattr_pud_entry', 'pageattr_pmd_entry'] as const)('of %s() is a violation', (by) => {
    expect(judged(by)).toEqual([`warn: WARNING: ${by}(): something is odd`]);
    expect(judged(by, [refused])).toEqual([]);
  });

  test.each(['split_kernel_leaf_mapping', 'update_range_prot'] as const)(
    'of %s() tells of a refusal: a violation where nobody may be refused',
    (by) => {
      expect(judged(by)).toEqual([]);
      expect(judged(by, [refused])).toEqual([`refused: WARNING: ${by}(): something is odd`]);
    },
  );
});
