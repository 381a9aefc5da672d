import { describe, expect, test } from 'vitest';
import { conflict } from '../../../src/check/invalidation/conflict.ts';
import { type BbmClass, bbmClasses } from '../../../src/hardware/board/board.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { speculativeFill } from '../../../src/hardware/translation/access.ts';
import { block, change, entryAt, leafTable, page, put, type Rig, rigOf, run, said } from '../rig.ts';

const GiB = 2 ** 30;

/** CPU 1 holds the block and one of its pages at the same time. */
function bothSizes(weak: BbmClass): Rig & { va: number } {
  const rig = rigOf({ classes: ['level3', weak], properties: [conflict] });
  const va = rig.k.space.pageOffset + 16 * GiB;
  const entry = entryAt(rig, va, 2);
  put(rig, entry, block(16 * GiB));
  run(load(rig.cpus[1]!, va));
  change(rig.cpus[0]!, entry, leafTable(rig, 3, 16 * GiB));
  speculativeFill(rig.cpus[1]!, va);
  return { ...rig, va };
}

describe('two sizes of one address in a TLB', () => {
  test.each(bbmClasses)('are harmless as long as one of them is used whole: %s', (weak) => {
    const rig = bothSizes(weak);
    expect(typeof run(load(rig.cpus[1]!, rig.va))).toBe('bigint');
    expect(said(rig)).toEqual([]);
  });

  test.each(['level0', 'level1', 'level2'] as const)('are caught when they abort: %s', (weak) => {
    const rig = bothSizes(weak);
    rig.script.conflict = () => 1;
    expect(run(load(rig.cpus[1]!, rig.va))).toMatch(/^halt/);
    expect(said(rig)).toEqual(['conflict']);
    const { message, evidence, cpu } = rig.reports[0]!;
    expect(cpu).toBe(1);
    expect(message).toBe(
      `TLB conflict abort (FSC 0x30) at 0xffff000400000000: 2 TLB entries match on a CPU of BBM class ${weak} (a CPU of ${weak})`,
    );
    expect(evidence.join('\n')).toMatch(/size {2}2M .*\| size {2}4K/);
    expect(evidence.join('\n')).toMatch(/by {4}a walk .*\| by {4}a speculative walk/);
    expect(evidence.join('\n')).toMatch(/from {2}PMD 0x.*\| from {2}PTE 0x/);
    expect(evidence.join('\n')).toMatch(/attr {2}MT_NORMAL, inner shareable, EL1 RW NX .*\| attr/);
  });

  test.each(['level0', 'level1'] as const)('are caught when they are mixed: %s', (weak) => {
    const rig = bothSizes(weak);
    rig.script.conflict = () => 2;
    run(load(rig.cpus[1]!, rig.va));
    expect(said(rig)).toEqual(['conflict']);
    expect(rig.reports[0]!.message).toContain('an amalgamation of two entries');
  });

  test.each(['level2-noabort', 'level3'] as const)('never abort where that is promised: %s', (strong) => {
    const rig = bothSizes(strong);
    rig.script.conflict = (bound) => bound - 1;
    run(load(rig.cpus[1]!, rig.va));
    expect(said(rig)).toEqual([]);
  });

  test('which go to different places are outside every promise', () => {
    const rig = rigOf({ classes: ['level3', 'level3'], properties: [conflict] });
    const va = rig.k.space.pageOffset + 16 * GiB;
    const entry = entryAt(rig, va, 2);
    put(rig, entry, block(16 * GiB));
    run(load(rig.cpus[1]!, va));
    const other = page(20 * GiB, { AttrIndx: 2, AP: 3, DBM: 0, PXN: 0 });
    change(rig.cpus[0]!, entry, leafTable(rig, 3, 16 * GiB, {}, [0, other]));
    speculativeFill(rig.cpus[1]!, va);
    rig.script.conflict = () => 1;
    run(load(rig.cpus[1]!, va));
    expect(said(rig)).toEqual(['conflict']);
    expect(rig.reports[0]!.evidence.join('\n')).toMatch(
      /attr .*\| attr {2}MT_NORMAL_NC, outer shareable, EL1 RO X, EL0 RO NX/,
    );
  });
});
