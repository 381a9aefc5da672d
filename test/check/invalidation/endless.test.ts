import { describe, expect, test } from 'vitest';
import { encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { bbm } from '../../../src/check/break-before-make/bbm.ts';
import { endless } from '../../../src/check/invalidation/endless.ts';
import { standardProperties } from '../../../src/check/standard.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { change, entryAt, page, put, type Rig, rigOf, run, said } from '../rig.ts';

const PAGES = 512;

/** A CPU, and pages that are mapped. */
function mapped(): Rig & { readonly at: (index: number) => { va: number; entry: number } } {
  const rig = rigOf({ classes: ['level2-noabort'], properties: [endless, bbm] });
  const start = rig.k.space.pageOffset + 2 ** 30;
  const at = (index: number) => {
    const va = start + (index % PAGES) * 4096;
    return { va, entry: entryAt(rig, va, 3) };
  };
  for (let i = 0; i < PAGES; i++) put(rig, at(i).entry, page(2 ** 30 + i * 4096));
  return { ...rig, at };
}

function invalidate({ cpus, k }: Rig, times: number): void {
  for (let i = 0; i < times; i++) run(tlbi(cpus[0]!, 'vaale1is', encodeVaOperand(k.space.pageOffset + i * 4096)));
}

describe('TLBIs one after the other', () => {
  test('are a loop without an end when they are more than any range is worth, and remove nothing', () => {
    const rig = mapped();
    invalidate(rig, 16383);
    expect(said(rig)).toEqual([]);
    invalidate(rig, 1);
    expect(said(rig)).toEqual(['hung']);
    expect(rig.reports[0]!.message).toMatch(/^CPU 0 has issued 16384 TLBIs and no DSB/);
    expect(standardProperties).toContain(endless);
  });

  test('are not where a DSB completes them now and then', () => {
    const rig = mapped();
    for (let i = 0; i < 3; i++) {
      invalidate(rig, 8192);
      run(dsb(rig.cpus[0]!, 'ish'));
    }
    expect(said(rig)).toEqual([]);
  });

  test('are not where they still remove what has been changed', () => {
    const rig = mapped();
    const { va, entry } = rig.at(3);
    invalidate(rig, 16000);
    change(rig.cpus[0]!, entry, 0n);
    run(tlbi(rig.cpus[0]!, 'vaale1is', encodeVaOperand(va)));
    invalidate(rig, 383);
    expect(said(rig)).toEqual([]);
    invalidate(rig, 16384);
    expect(said(rig)).toEqual(['hung']);
  });
});
