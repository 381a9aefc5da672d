import { describe, expect, test } from 'vitest';
import { faultCode } from '../../../src/arch/fault.ts';
import { RIGHT_EL1_READ } from '../../../src/arch/permission.ts';
import { hostRefuses, rsiIpaStateSet, rsiRealmConfig } from '../../../src/hardware/instruction/rsi.ts';
import { SHARED_PAGES } from '../../../src/hardware/memory/layout.ts';
import { translate } from '../../../src/hardware/translation/access.ts';
import { isShared, setShared, sharedBit, sharedWithin } from '../../../src/hardware/translation/stage2.ts';
import { shiftOf } from '../../../src/hardware/translation/tlb-entry.ts';
import { block, entryAt, page, put, type Rig, rigOf, run } from '../../check/rig.ts';

const PA = 2 ** 30;
const EXTERNAL_ABORT = -faultCode('external-abort');

/** Two CPUs of a realm, and a page at `va` that is mapped as its own, or as shared. */
function realm(asShared = false): Rig & { readonly va: number; readonly read: (cpu: number) => number } {
  const rig = rigOf({ classes: ['level2-noabort', 'level2-noabort'] });
  const { memory } = rig.machine;
  expect(run(rsiRealmConfig(rig.cpus[0]!))).toBe(40);
  const va = rig.k.space.pageOffset + PA;
  put(rig, entryAt(rig, va, 3), page(PA + (asShared ? sharedBit(memory) : 0)));
  return { ...rig, va, read: (cpu) => translate(rig.cpus[cpu]!, va, RIGHT_EL1_READ) };
}

const ask = ({ cpus }: Rig, ripas: 'empty' | 'ram', base = PA, top = base + 4096) =>
  run(rsiIpaStateSet(cpus[0]!, base, top, ripas));

describe("a realm's second stage", () => {
  test('leads to a page through the lower half while it is its own, and through the upper one while it is shared', () => {
    const [own, shared] = [realm(), realm(true)];
    expect([own.read(0), shared.read(0)]).toEqual([PA, EXTERNAL_ABORT]);
    for (const rig of [own, shared]) expect(ask(rig, 'empty')).toEqual({ accepted: true, newBase: PA + 4096 });
    expect([own.read(0), shared.read(0)]).toEqual([EXTERNAL_ABORT, PA]);
    for (const rig of [own, shared]) ask(rig, 'ram');
    expect([own.read(0), shared.read(0)]).toEqual([PA, EXTERNAL_ABORT]);
  });

  test('is not there where nobody has asked for its addresses', () => {
    const rig = rigOf({ classes: ['level2-noabort'] });
    const va = rig.k.space.pageOffset + PA;
    put(rig, entryAt(rig, va, 3), page(PA + 2 ** 39));
    expect(translate(rig.cpus[0]!, va, RIGHT_EL1_READ)).toBe(PA + 2 ** 39);
  });

  test('a change of state leaves no old translation in any TLB', () => {
    const rig = realm();
    expect([rig.read(0), rig.read(1)]).toEqual([PA, PA]);
    ask(rig, 'empty');
    expect([rig.read(0), rig.read(1)]).toEqual([EXTERNAL_ABORT, EXTERNAL_ABORT]);
  });

  test('a block beside a shared page is cached page by page, and only there', () => {
    const rig = realm();
    const [cpu] = rig.cpus;
    const va = rig.k.space.pageOffset + 2 * PA;
    put(rig, entryAt(rig, va, 2), block(2 * PA));
    put(rig, entryAt(rig, va + 2 ** 21, 2), block(2 * PA + 2 ** 21));
    ask(rig, 'empty', 2 * PA + 8 * 4096);
    expect(translate(cpu!, va + 9 * 4096, RIGHT_EL1_READ)).toBe(2 * PA + 9 * 4096);
    expect(shiftOf(cpu!.tlb, cpu!.way)).toBe(12);
    expect(translate(cpu!, va + 8 * 4096, RIGHT_EL1_READ)).toBe(EXTERNAL_ABORT);
    expect(translate(cpu!, va + 2 ** 21 + 4096, RIGHT_EL1_READ)).toBe(2 * PA + 2 ** 21 + 4096);
    expect(shiftOf(cpu!.tlb, cpu!.way)).toBe(21);
  });
});

describe('RSI_IPA_STATE_SET', () => {
  test('does what the host agrees to, a page at a time, and changes nothing where he does not', () => {
    const rig = realm();
    const { memory } = rig.machine;
    expect(ask(rig, 'empty', PA, PA + 3 * 4096)).toEqual({ accepted: true, newBase: PA + 4096 });
    expect(sharedWithin(memory, PA, 3 * 4096)).toBe(1);
    hostRefuses(memory, true);
    expect(ask(rig, 'empty', PA + 4096)).toEqual({ accepted: false, newBase: PA + 4096 });
    expect([isShared(memory, PA), isShared(memory, PA + 4096)]).toEqual([true, false]);
  });

  test('has room for so many shared pages, and forgets those that come back', () => {
    const { machine } = realm();
    const { memory } = machine;
    for (let i = 0; i < SHARED_PAGES; i++) expect(setShared(memory, PA + i * 4096, true)).toBe(true);
    expect(setShared(memory, PA + SHARED_PAGES * 4096, true)).toBe(false);
    expect(setShared(memory, PA + 5 * 4096, true)).toBe(true);
    expect(setShared(memory, PA + 5 * 4096, false)).toBe(true);
    expect(setShared(memory, PA + 5 * 4096, false)).toBe(true);
    expect(sharedWithin(memory, PA, 2 ** 21)).toBe(SHARED_PAGES - 1);
    expect(setShared(memory, PA + SHARED_PAGES * 4096, true)).toBe(true);
  });
});
