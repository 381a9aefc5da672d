import { expect, test } from 'vitest';
import { level3Share, RAM_BYTES } from '../../actors/campaign/level3-share.ts';

test('modules without the cache cost a table for nearly each text and each data; with it nearly half of them go', () => {
  const none = level3Share(0, 'plain');
  const [plain, apart, cache] = (['plain', 'cache, not collapsed', 'cache'] as const).map((code) =>
    level3Share(16, code),
  );
  // The tables at the edges of the kernel's own text are there in any case.
  expect(none.tables).toBe(2);
  expect(plain!.tables - none.tables).toBeGreaterThan(28);
  expect(cache!.tables - none.tables).toBeLessThanOrEqual(18);
  // 16 texts of 1 to 64 pages: one block of 2M or two, and what is not collapsed costs a table each.
  expect(apart!.tables - cache!.tables).toBeGreaterThanOrEqual(1);
  expect(apart!.tables - cache!.tables).toBeLessThanOrEqual(2);
  for (const { entries, tables, share } of [none, plain!, apart!, cache!]) {
    expect(entries).toBe(512 * tables);
    expect(share).toBe((entries * 4096) / RAM_BYTES);
  }
  expect(level3Share(16, 'cache')).toEqual(cache);
});
