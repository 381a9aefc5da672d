import { describe, expect, test } from 'vitest';
import { read } from '../../../src/hardware/memory/memory.ts';
import { virtToPhys } from '../../../src/kernel/address-space.ts';
import { PTE_AF, PTE_USER, PTE_VALID, PTE_WRITE } from '../../../src/kernel/tables/pgtable-prot.ts';
import { pteDirty, pteYoung } from '../../../src/kernel/tables/pte.ts';
import { setPtes } from '../../../src/kernel/user/contpte.ts';
import { pageTableLock } from '../../../src/kernel/user/mm.ts';
import { userRead, userWrite } from '../../../src/kernel/user/user-fault.ts';
import { USER_VA } from '../../../src/scenario/user/user-folio.ts';
import { complete } from '../boot-cpu.ts';
import { type Process, type ProcessOptions, startProcess } from '../user-process.ts';

/** A process with one page, number 3, that `edit` has changed. */
function withPage(edit: (pte: bigint) => bigint, options?: ProcessOptions): Process {
  const p = startProcess(options);
  p.put(3, edit(p.pte(3)));
  return p;
}

const va = USER_VA + 3 * 4096;
const reads = (p: Process): number | undefined => complete(userRead(p.cpu, p.k, p.mm, va))?.pa;
const writes = (p: Process): number | undefined => complete(userWrite(p.cpu, p.k, p.mm, va, 1n))?.pa;
const pa = (p: Process): number => Number(p.pte(3) & 0xffff_ffff_f000n);

describe('a process', () => {
  test.each<[what: string, edit: (pte: bigint) => bigint, mayRead: boolean, mayWrite: boolean]>([
    ['uses what it may', (pte) => pte, true, true],
    ['cannot write what is read-only', (pte) => pte & ~PTE_WRITE, true, false],
    ['has nothing where nothing is mapped', (pte) => pte & ~PTE_VALID, false, false],
    ["cannot use what is the kernel's", (pte) => pte & ~PTE_USER, false, false],
  ])('%s', (_, edit, mayRead, mayWrite) => {
    const p = withPage(edit);
    expect([reads(p), writes(p)]).toEqual([mayRead ? pa(p) : undefined, mayWrite ? pa(p) : undefined]);
    if (!mayWrite) expect(p.entry(3)).toBe(edit(p.pte(3)));
    expect(read(p.memory, virtToPhys(p.k.space, pageTableLock(p.mm)))).toBe(0n);
  });
});

describe('flags that this CPU does not set by itself', () => {
  test.each([0, 1, 2] as const)('are set by the fault handler, else by hardware: HAFDBS %i', (hafdbs) => {
    const p = withPage((pte) => pte & ~PTE_AF, { hafdbs });
    expect(reads(p)).toBe(pa(p));
    expect([pteYoung(p.entry(3)), pteDirty(p.entry(3))]).toEqual([true, false]);
    expect(writes(p)).toBe(pa(p));
    expect([pteYoung(p.entry(3)), pteDirty(p.entry(3))]).toEqual([true, true]);
  });
});

test('an entry that this CPU has stored and no walker sees yet is seen after the fault', () => {
  const p = startProcess();
  const cpu = { ...p.cpu, controlled: true, goesOn: () => true };
  complete(setPtes(cpu, p.k, ...p.at(3), p.pte(3), 1));
  expect(p.entry(3)).toBe(0n);
  expect(complete(userRead(cpu, p.k, p.mm, va))?.pa).toBe(pa(p));
});
