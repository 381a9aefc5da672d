import { describe, expect, test } from 'vitest';
import { faultCode } from '../../../src/arch/fault.ts';
import { extract } from '../../../src/arch/field.ts';
import { TCR_EL1, TTBR_EL1 } from '../../../src/arch/registers.ts';
import { HITS } from '../../../src/hardware/counters.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { REGISTERS } from '../../../src/hardware/instruction/system-register.ts';
import { ldtr } from '../../../src/hardware/instruction/unprivileged.ts';
import { tail } from '../../../src/hardware/trace.ts';
import { asidOf, GLOBAL } from '../../../src/hardware/translation/tlb-entry.ts';
import { dropAllTables } from '../../../src/hardware/translation/walk-cache.ts';
import { setPtes } from '../../../src/kernel/user/contpte.ts';
import {
  cpuSetReservedTtbr0,
  cpuSwitchMm,
  destroyContext,
  mmAlloc,
  mmlistAdd,
  mmNumber,
  pteAllocMap,
} from '../../../src/kernel/user/mm.ts';
import { userRead } from '../../../src/kernel/user/user-fault.ts';
import { folioPa, folioPte, USER_VA } from '../../../src/scenario/user/user-folio.ts';
import { complete } from '../boot-cpu.ts';
import { recorded } from '../recorded.ts';
import { type Process, startProcess } from '../user-process.ts';

/** Another process, whose first page is the first of folio 1. */
function another({ cpu, k }: Process): Process['mm'] {
  const mm = complete(mmAlloc(cpu, k));
  const ptep = complete(pteAllocMap(cpu, k, mm, USER_VA));
  complete(setPtes(cpu, k, mm, USER_VA, ptep, folioPte(k, 1, 0), 1));
  return mm;
}

describe('a switch to another process', () => {
  test('takes TTBR0 away, changes the ASID in TTBR1, and then installs the tables: one ISB', () => {
    const p = startProcess();
    const mm = another(p);
    expect(recorded(p.cpu, cpuSwitchMm(p.cpu, p.k, mm)).did).toEqual(['msr', 'msr', 'msr', 'isb']);
    const written = tail(p.cpu.trace, p.cpu.id, 4).slice(0, 3);
    expect(written.map(({ detail }) => REGISTERS[detail])).toEqual(['TTBR0_EL1', 'TTBR1_EL1', 'TTBR0_EL1']);
    const [reserved, asid, tables] = written.map(({ value }) => value) as [bigint, bigint, bigint];
    expect(Number(reserved)).toBe(p.k.symbols.reservedPgDir);
    expect(extract(asid, TTBR_EL1.ASID)).toBe(mm.asid);
    expect(Number(tables)).toBe(mm.pgd);
    expect(extract(p.cpu.sysregs.TCR_EL1, TCR_EL1.A1)).toBe(1);
    expect(p.cpu.regime0?.asid).toBe(mm.asid);
  });

  test('leaves what is cached: of the kernel it is used on, of the other process it is kept, and found by nobody else', () => {
    const p = startProcess();
    complete(setPtes(p.cpu, p.k, ...p.at(0), p.pte(0), 1));
    const second = another(p);
    const kernelVa = p.k.symbols.variables.mmlist;
    complete(load(p.cpu, kernelVa));
    for (const [mm, folio] of [
      [p.mm, 0],
      [second, 1],
      [p.mm, 0],
      [second, 1],
    ] as const) {
      complete(cpuSwitchMm(p.cpu, p.k, mm));
      expect(complete(userRead(p.cpu, p.k, mm, USER_VA))?.pa).toBe(folioPa(p.k, folio));
      expect(asidOf(p.cpu.tlb, p.cpu.way)).toBe(mm.asid);
      complete(load(p.cpu, kernelVa));
      expect(asidOf(p.cpu.tlb, p.cpu.way)).toBe(GLOBAL);
    }
    const hits = p.cpu.counts[HITS]!;
    complete(ldtr(p.cpu, USER_VA));
    expect(p.cpu.counts[HITS]).toBe(hits + 1);
  });

  test('... to none: what is cached is found, and nothing else', () => {
    const p = startProcess();
    for (const page of [0, 1]) complete(setPtes(p.cpu, p.k, ...p.at(page), p.pte(page), 1));
    complete(userRead(p.cpu, p.k, p.mm, USER_VA));
    complete(cpuSetReservedTtbr0(p.cpu, p.k));
    expect(complete(ldtr(p.cpu, USER_VA)).fault).toBe(0);
    dropAllTables(p.cpu.walkCache);
    expect(complete(ldtr(p.cpu, USER_VA + p.k.space.granule.pageBytes)).fault).toBe(faultCode('translation', 0));
  });
});

describe('ASIDs', () => {
  test('are handed out in turn; one that was given back comes first, and is flushed by then', () => {
    const p = startProcess();
    expect([p.mm.asid, another(p).asid, another(p).asid]).toEqual([1, 2, 3]);
    complete(destroyContext(p.cpu, p.k, { ...p.mm, asid: 2 }));
    const { did, result } = recorded(p.cpu, mmAlloc(p.cpu, p.k));
    expect(result.asid).toBe(2);
    expect(did.filter((each) => /^(dsb|tlbi)/.test(each)).slice(0, 3)).toEqual([
      'dsb ishst',
      'tlbi aside1is 0x2000000000000',
      'dsb ish',
    ]);
    expect(complete(mmAlloc(p.cpu, p.k)).asid).toBe(4);
  });
});

test('processes are found in the order in which they came', () => {
  const p = startProcess();
  const second = another(p);
  for (const mm of [p.mm, second]) complete(mmlistAdd(p.cpu, p.k, mm));
  expect(complete(mmNumber(p.cpu, p.k, 0))).toEqual(p.mm);
  expect(complete(mmNumber(p.cpu, p.k, 1))).toEqual(second);
  expect(() => complete(mmNumber(p.cpu, p.k, 2))).toThrow('process 2 to be there');
});
