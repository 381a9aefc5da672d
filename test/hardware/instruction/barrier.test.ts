import { describe, expect, it } from 'vitest';
import { GRANULE_4K } from '../../../src/arch/granule.ts';
import { encodeRangeOperand, encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { DSBS, ISBS, TLBIS } from '../../../src/hardware/counters.ts';
import { dsb, isb } from '../../../src/hardware/instruction/barrier.ts';
import { store } from '../../../src/hardware/instruction/load-store.ts';
import type { DvmRecord } from '../../../src/hardware/tlbi/dvm.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { tail } from '../../../src/hardware/trace.ts';
import { KERNEL, PAGE, run, sharedPage, smallMachine } from '../small-machine.ts';

describe('TLBI and barriers', () => {
  it('tell the observer what was issued and, once each, what a DSB completed', () => {
    const told: string[] = [];
    const say = (what: string, records: readonly DvmRecord[]): void => {
      told.push(`${what} ${records.map(({ start, end }) => (end - start) / PAGE).join()}`);
    };
    const machine = smallMachine({
      observer: {
        tlbiIssued: (_cpu, record) => say('issued', [record]),
        tlbisCompleted: (_cpu, records, broadcast) => say(broadcast ? 'everywhere' : 'here', records),
      },
    });
    const cpu = machine.cpus[0]!;
    run(tlbi(cpu, 'vaale1is', encodeVaOperand(KERNEL)));
    run(tlbi(cpu, 'rvaale1is', encodeRangeOperand(KERNEL, 3, 0, GRANULE_4K)));
    run(tlbi(cpu, 'vaale1', encodeVaOperand(KERNEL)));
    run(dsb(cpu, 'nsh'));
    run(dsb(cpu, 'ishst'));
    run(dsb(cpu, 'ish'));
    run(dsb(cpu, 'ish'));
    expect(told).toEqual(['issued 1', 'issued 8', 'issued 1', 'here 1', 'everywhere 1,8']);
    expect([cpu.counts[TLBIS], cpu.counts[DSBS]]).toEqual([3, 4]);
  });

  it('leave a trace in one order', () => {
    const { a } = sharedPage(0n);
    run(store(a, KERNEL, 1n));
    run(tlbi(a, 'vmalle1is'));
    run(dsb(a, 'ish'));
    run(isb(a));
    const records = tail(a.trace, 0, 10);
    expect(records.map(({ kind }) => kind)).toEqual(['store', 'tlbi', 'dsb', 'isb']);
    expect(records.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
    expect([records[0]!.address, records[0]!.value, a.counts[ISBS]]).toEqual([KERNEL, 1n, 1]);
    expect(tail(a.trace, 0, 2).map(({ kind }) => kind)).toEqual(['dsb', 'isb']);
  });
});
