import { describe, expect, it } from 'vitest';
import { formatPa } from '../../../src/arch/address.ts';
import { faultCode } from '../../../src/arch/fault.ts';
import { RIGHT_EL1_READ, RIGHT_EL1_WRITE } from '../../../src/arch/permission.ts';
import { type BbmClass, bbmClasses } from '../../../src/hardware/board/board.ts';
import type { Choose } from '../../../src/hardware/chooser.ts';
import {
  AMALGAMATIONS,
  BOTH_SIZES_CACHED,
  CONFLICT_ABORTS,
  CONFLICTS_AVOIDED,
} from '../../../src/hardware/counters.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import { translate, walkAndFill } from '../../../src/hardware/translation/access.ts';
import {
  classify,
  type Difference,
  type Outcome,
  outcomeOf,
  possibleOutcomes,
} from '../../../src/hardware/translation/multiple-match.ts';
import { freeWay, lookup, putEntry, resetTlb, SEVERAL } from '../../../src/hardware/translation/tlb.ts';
import { type Found, GLOBAL } from '../../../src/hardware/translation/tlb-entry.ts';
import { entryOf, everyChance, KERNEL, leaf, map, PAGE, type SmallMachine, smallMachine } from '../small-machine.ts';

const PA = 0x4020_0000;
const VA = KERNEL + 3 * PAGE;
const DIFFERENCES = ['none', 'contiguous', 'size', 'other'] as const satisfies Difference[];

/** What DDI 0487 lets each class show; docs and DESIGN.md section 3 have the same table. */
const ALLOWED: Readonly<Record<BbmClass, Readonly<Record<Difference, readonly Outcome[]>>>> = {
  level0: {
    none: ['one'],
    contiguous: ['one', 'abort', 'amalgam'],
    size: ['one', 'abort', 'amalgam'],
    other: ['one', 'abort', 'amalgam'],
  },
  level1: {
    none: ['one'],
    contiguous: ['one', 'abort'],
    size: ['one', 'abort', 'amalgam'],
    other: ['one', 'abort', 'amalgam'],
  },
  level2: {
    none: ['one'],
    contiguous: ['one', 'abort'],
    size: ['one', 'abort'],
    other: ['one', 'abort', 'amalgam'],
  },
  'level2-noabort': { none: ['one'], contiguous: ['one'], size: ['one'], other: ['one', 'abort', 'amalgam'] },
  level3: { none: ['one'], contiguous: ['one'], size: ['one'], other: ['one', 'abort', 'amalgam'] },
};

describe.each(bbmClasses)('class %s', (conflicts) => {
  it.each(DIFFERENCES)('shows every outcome it may, and no other, for entries that differ in %s', (difference) => {
    const outcomes = everyChance((choose) => outcomeOf(conflicts, difference, choose));
    expect([...outcomes].sort()).toEqual([...ALLOWED[conflicts][difference]].sort());
    expect(possibleOutcomes(conflicts, difference)).toEqual(ALLOWED[conflicts][difference]);
  });
});

/** Caches `VA` by one descriptor, then by another, as a speculative walk may between a change and its TLBI. */
function cachedTwice(conflicts: BbmClass, choose: Choose, change: (machine: SmallMachine) => void): SmallMachine {
  const machine = smallMachine({ model: { conflicts, walkCache: { entries: 1 } }, choose });
  const cpu = machine.cpus[0]!;
  map(machine, VA, PA, 2);
  walkAndFill(cpu, cpu.regime1!, VA, 0);
  change(machine);
  cpu.walkCache.tag.fill(Number.NaN);
  walkAndFill(cpu, cpu.regime1!, VA, 0);
  return machine;
}

/** Splits the block into pages, with page 3 of a PA and attributes of its own. */
function split(pa = PA + 3 * PAGE, attributes = {}): (machine: SmallMachine) => void {
  return (machine) => {
    exchange(machine.memory, entryOf(machine.memory, machine.root, VA, 2), 0n);
    map(machine, VA, pa, 3, attributes);
  };
}

/** Every answer an access can get: a physical address, a fault. */
function answers(conflicts: BbmClass, change: (machine: SmallMachine) => void, right = RIGHT_EL1_READ): string[] {
  return [
    ...everyChance((choose) => {
      const pa = translate(cachedTwice(conflicts, choose, change).cpus[0]!, VA + 8, right);
      return pa === -faultCode('tlb-conflict') ? 'conflict' : pa < 0 ? `fault ${-pa}` : formatPa(pa);
    }),
  ].sort();
}

const right = formatPa(PA + 3 * PAGE + 8);
/** The block's address with the offset into the page. */
const mixed = formatPa(PA + 8);

describe('a block and one of its pages', () => {
  it.each<[BbmClass, string[]]>([
    ['level0', [mixed, right, 'conflict']],
    ['level1', [mixed, right, 'conflict']],
    ['level2', [right, 'conflict']],
    ['level2-noabort', [right]],
    ['level3', [right]],
  ])('%s: an access gets one of exactly these', (conflicts, expected) => {
    expect(answers(conflicts, split())).toEqual(expected);
  });

  it('that disagree on the address are outside every relaxation', () => {
    for (const conflicts of bbmClasses)
      expect(answers(conflicts, split(0x4040_0000))).toEqual([mixed, right, formatPa(0x4040_0008), 'conflict'].sort());
  });

  it('that disagree on the memory type too', () => {
    expect(answers('level3', split(undefined, { AttrIndx: 1 }))).toContain('conflict');
    expect(answers('level3', split(undefined, { AttrIndx: 0 }))).not.toContain('conflict');
  });

  it('that disagree on rights: either, whole, on a class that takes one', () => {
    const fault = `fault ${faultCode('permission', 3)}`;
    expect(answers('level3', split(undefined, { AP: 2 }), RIGHT_EL1_WRITE)).toEqual([right, fault].sort());
    expect(answers('level3', split(undefined, { AP: 2 }), RIGHT_EL1_READ)).toEqual([right]);
  });
});

describe('an amalgamation', () => {
  const readOnly = (machine: SmallMachine): void => {
    exchange(machine.memory, entryOf(machine.memory, machine.root, VA, 2), leaf(PA, 2, { AP: 2 }));
    resetTlb(machine.cpus[0]!.tlb);
    walkAndFill(machine.cpus[0]!, machine.cpus[0]!.regime1!, VA, 0);
    split(undefined, { AP: 2 })(machine);
  };

  it('never lets a write through that no entry allows', () => {
    expect(answers('level0', readOnly, RIGHT_EL1_WRITE)).toEqual(
      [`fault ${faultCode('permission', 2)}`, `fault ${faultCode('permission', 3)}`, 'conflict'].sort(),
    );
    expect(answers('level0', readOnly, RIGHT_EL1_READ)).toEqual([mixed, right, 'conflict']);
  });

  it('of a writable block and a read-only page writes into the block alone', () => {
    const written = answers('level0', split(0x4040_0000, { AP: 2 }), RIGHT_EL1_WRITE);
    expect(written).toEqual([mixed, right, `fault ${faultCode('permission', 3)}`, 'conflict'].sort());
    expect(written).not.toContain(formatPa(0x4040_0008));
  });
});

describe('contiguous runs', () => {
  const found = (pa: number): Found => ({
    pa,
    rights: 3,
    attrIndx: 0,
    sh: 3,
    level: 3,
    descriptorPa: 0,
    low: 0,
    high: 0,
  });
  const CONTIGUOUS = 1;

  function difference(flags: readonly [number, number], asid = GLOBAL): Difference {
    const { tlb } = smallMachine().cpus[0]!;
    putEntry(tlb, freeWay(tlb, VA, 12, GLOBAL), VA, 12, GLOBAL, found(PA + 3 * PAGE), flags[0], 0);
    putEntry(tlb, freeWay(tlb, VA, 16, asid), VA, 16, asid, found(PA + 3 * PAGE), flags[1], 0);
    expect(lookup(tlb, VA, asid)).toBe(SEVERAL);
    return classify(tlb);
  }

  it('cached in part and as a whole differ in nothing', () => {
    expect(difference([CONTIGUOUS, CONTIGUOUS])).toBe('none');
  });

  it('beside a page cached before the bit was set differ in the contiguous bit', () => {
    expect(difference([0, CONTIGUOUS])).toBe('contiguous');
  });

  it('that are global beside one of an ASID differ in more than the architecture relaxes', () => {
    expect(difference([CONTIGUOUS, CONTIGUOUS], 5)).toBe('other');
  });
});

describe('what is counted', () => {
  it.each<[BbmClass, number, number]>([
    ['level3', CONFLICTS_AVOIDED, 0],
    ['level2', CONFLICT_ABORTS, 1],
    ['level0', AMALGAMATIONS, 2],
  ])('%s: each access that met several entries, by what became of it', (conflicts, counter, outcome) => {
    const machine = cachedTwice(conflicts, (bound, kind) => (kind === 'conflict' ? outcome % bound : 0), split());
    translate(machine.cpus[0]!, VA, RIGHT_EL1_READ);
    translate(machine.cpus[0]!, VA + PAGE * 100, RIGHT_EL1_READ);
    expect(machine.cpus[0]!.counts[BOTH_SIZES_CACHED]).toBe(1);
    expect(machine.cpus[0]!.counts[counter]).toBe(1);
  });
});
