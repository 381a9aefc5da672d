import { describe, expect, test } from 'vitest';
import { type Cpu, resetCpu } from '../../../src/hardware/cpu.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { localFlushTlbAll } from '../../../src/kernel/tables/tlbflush.ts';
import { cpuSetReservedTtbr0 } from '../../../src/kernel/user/mm.ts';
import { entryAt, flush, newTable, page, put, type Rig, rigOf, run, said } from '../rig.ts';

const PA = 2 ** 34;

/** CPU 1 has used the page at `PA` of the idmap, and has left it by way of reserved_pg_dir. */
function left(nG: 0 | 1 = 0): { rig: Rig; cpu: Cpu; other: Cpu } {
  const rig = rigOf({ classes: ['level3', 'level3'] });
  const [other, cpu] = rig.cpus as [Cpu, Cpu];
  const { idmapPgDir } = rig.k.symbols;
  put(rig, entryAt(rig, PA, 3, idmapPgDir), page(PA, { nG }));
  run(msr(cpu, 'TTBR0_EL1', ttbr(idmapPgDir)));
  run(isb(cpu));
  run(load(cpu, PA));
  run(cpuSetReservedTtbr0(cpu, rig.k));
  expect(said(rig)).toEqual([]);
  return { rig, cpu, other };
}

describe('a CPU that puts other tables into TTBR0', () => {
  test('must have none of the global entries of those before', () => {
    const { rig, cpu } = left();
    run(msr(cpu, 'TTBR0_EL1', ttbr(newTable(rig))));
    expect(said(rig)).toEqual(['stale']);
    expect(rig.reports[0]!.remedy).toContain('local_flush_tlb_all()');
  });

  test.each<[string, (cpu: Cpu, other: Cpu) => unknown]>([
    ['it has dropped them', (cpu) => run(localFlushTlbAll(cpu))],
    ['another has flushed them everywhere', (_, other) => flush(other, 'vmalle1is')],
  ])('is right where %s', (_, act) => {
    const { rig, cpu, other } = left();
    act(cpu, other);
    run(msr(cpu, 'TTBR0_EL1', ttbr(newTable(rig))));
    expect(said(rig)).toEqual([]);
  });

  test('is right to keep what belongs to an ASID, or to these very tables', () => {
    const { rig, cpu } = left(1);
    run(msr(cpu, 'TTBR0_EL1', ttbr(newTable(rig))));
    const back = left();
    run(msr(back.cpu, 'TTBR0_EL1', ttbr(back.rig.k.symbols.idmapPgDir)));
    expect([...said(rig), ...said(back.rig)]).toEqual([]);
  });
});

describe('a CPU that turns translation on', () => {
  const DSB_NSH = (cpu: Cpu): unknown => run(dsb(cpu, 'nsh'));
  test.each<[string, readonly string[], (cpu: Cpu) => void]>([
    ['has emptied its TLB', [], (cpu) => [run(tlbi(cpu, 'vmalle1')), DSB_NSH(cpu)]],
    ['has not', ['stale'], () => {}],
    ['has not waited for it', ['stale'], (cpu) => run(tlbi(cpu, 'vmalle1'))],
    ['has dropped one address', ['stale'], (cpu) => [run(tlbi(cpu, 'vaae1', 0n)), DSB_NSH(cpu)]],
  ])('and %s', (_, expected, act) => {
    const rig = rigOf({ classes: ['level3'] });
    const [cpu] = rig.cpus as [Cpu];
    rig.script.deliver = () => 1;
    resetCpu(cpu);
    act(cpu);
    run(msr(cpu, 'SCTLR_EL1', 1n));
    expect(said(rig)).toEqual(expected);
  });
});
