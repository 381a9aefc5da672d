import { expect, test } from 'vitest';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { PTE_RDONLY, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { makeWritable } from '../../../src/kernel/user/user-pages.ts';
import { complete } from '../boot-cpu.ts';
import { maintenance } from '../recorded.ts';
import { startProcess } from '../user-process.ts';

test('a page that becomes writable is flushed, by its last level only: the read-only entry may be cached', () => {
  const p = startProcess();
  const [, va] = p.at(0);
  p.put(0, (p.pte(0) & ~PTE_WRITE) | PTE_RDONLY);
  complete(load(p.cpu, va));
  expect(maintenance(p.cpu, makeWritable(p.cpu, p.k, ...p.at(0)))).toEqual(['dsb ishst', 'tlbi vale1is', 'dsb ish']);
  expect(p.entry(0) & (PTE_WRITE | PTE_RDONLY)).toBe(PTE_WRITE | PTE_RDONLY); // clean, and writable: hardware takes RDONLY away
});
