import { describe, expect, test } from 'vitest';
import { bootInTurns } from '../../../actors/cli/boot-in-turns.ts';
import { evidenceLines } from '../../../actors/cli/report/evidence.ts';
import { lanes } from '../../../actors/cli/report/lanes.ts';
import { namePlaces, placeName } from '../../../actors/cli/report/place-name.ts';
import { foldRepetition } from '../../../actors/cli/report/repetition.ts';
import { cpusNamed } from '../../../actors/cli/report/report.ts';
import { recordText } from '../../../actors/cli/report/trace-text.ts';
import { wrap } from '../../../actors/cli/terminal/wrap.ts';
import { formatVa } from '../../../src/arch/address.ts';
import { numberRanges } from '../../../src/check/progress/number-ranges.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { REGISTERS } from '../../../src/hardware/instruction/system-register.ts';
import { traceOf } from '../../../src/hardware/system.ts';
import type { TraceRecord } from '../../../src/hardware/trace.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { idmapFlag } from '../../../src/kernel/boot/idmap.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { percpuVariable } from '../../../src/kernel/kernel.ts';
import { MARK } from '../../../src/kernel/marks.ts';
import { forEachTable, kernelTree } from '../../../src/kernel/ptdump/ptdump.ts';
import { PAGE_KERNEL } from '../../../src/kernel/tables/pgtable-prot.ts';

const board = boardPresets.get('tiny-2')!;
const { machine, kernel: k } = bootInTurns(board, DEFAULT_CONFIG, 1, 'running');
const context = { k, memory: machine.memory };

const record = (kind: TraceRecord['kind'], more: Partial<TraceRecord> = {}): TraceRecord => ({
  cpu: 0,
  step: 0,
  kind,
  detail: 0,
  address: 0,
  extra: 0,
  value: 0n,
  ...more,
});

/** Physical address of a table at `level`, and the virtual one that its entry 0 translates. */
function tableAt(level: number): { pa: number; va: number } {
  const found: { pa: number; va: number }[] = [];
  forEachTable(machine.memory, kernelTree(k.space, k.symbols.swapperPgDir), (pa, at, va) => {
    if (at === level) found.push({ pa, va });
  });
  return found[0]!;
}

describe('an address is called', () => {
  test.each<[what: string, va: number, name: string]>([
    ['by its variable', k.symbols.variables.num_online_cpus, 'num_online_cpus'],
    ['by its per-CPU variable', percpuVariable(k, 1, 'online'), 'online[1]'],
    ['by the other one', percpuVariable(k, 0, 'stopWork'), 'stopWork[0]'],
    ['by the way parked CPUs reach the flag', idmapFlag(k), 'idmap:flag'],
    ['by its offset in the linear map', k.space.pageOffset + 0x1e0_0000, 'linear+0x1e00000'],
    ['by its offset in the image', k.space.kimageVaddr + 0x1_1000, 'image+0x11000'],
    ['by the table that the fixmap shows', FIXMAP + k.symbols.swapperPgDir, 'fixmap:swapper_pg_dir'],
    ['nothing else', -4096, '0xfffffffffffff000'],
  ])('%s', (_, va, name) => {
    expect(placeName(k, va)).toBe(name);
  });

  test('so in the middle of a sentence, and as a span', () => {
    const at = formatVa(k.space.pageOffset + 0x1000);
    expect(namePlaces(k, `read ${at}, not 0x0068000040000705`)).toBe('read linear+0x1000, not 0x0068000040000705');
    expect(namePlaces(k, `${at}..${formatVa(k.space.pageEnd)} is`)).toBe(
      `linear+0x1000..0x${(2 ** 47).toString(16)} is`,
    );
  });
});

describe('a step reads', () => {
  const ram = board.memory[0]!.base;
  const pte = tableAt(3);
  const pmd = tableAt(2);

  test.each<[what: string, step: TraceRecord, text: string]>([
    ['a milestone', record('mark', { detail: MARK['repaint.parked'] }), '* repaint.parked'],
    ['a flag', record('store', { address: percpuVariable(k, 1, 'online'), value: 1n }), 'STR online[1] = 1'],
    ['a counter', record('rmw', { address: idmapFlag(k), value: 7n }), 'LDADD idmap:flag -> 7'],
    [
      'a root',
      record('msr', { detail: REGISTERS.indexOf('TTBR1_EL1'), value: BigInt(k.symbols.reservedPgDir) }),
      'MSR TTBR1_EL1 = reserved_pg_dir',
    ],
    [
      'a table that is linked',
      record('buffered', { extra: pmd.pa + 8, value: 0x4321_0003n }),
      'STR PMD linear+0x200000: table 0x43210000',
    ],
    [
      'a block',
      record('buffered', { extra: pmd.pa, value: (BigInt(ram) | PAGE_KERNEL | (1n << 52n)) & ~2n }),
      'STR PMD linear+0x0: 2M block RW NX CONT',
    ],
    [
      'a page that goes elsewhere than the linear map promises',
      record('buffered', { extra: pte.pa, value: BigInt(ram + 0x5000) | PAGE_KERNEL }),
      'STR PTE linear+0x0: page 0x40005000 RW NX',
    ],
    [
      'an entry that is taken away',
      record('buffered', { extra: pte.pa + 8, value: 0n }),
      'STR PTE linear+0x1000: nothing',
    ],
    ['a table that is filled', record('filled-table', { detail: 512, extra: pte.pa }), 'fill 512 PTEs linear+0x0'],
    [
      'speculation',
      record('speculative-fill', { detail: 21, address: physToVirt(k.space, ram) }),
      'walker fills 2M linear+0x0',
    ],
  ])('%s', (_, step, text) => {
    expect(recordText(step, context)).toBe(text);
  });
});

describe('what repeats', () => {
  const folded = (letters: string) =>
    foldRepetition([...letters], (letter) => letter).map(({ steps, times }) => [steps.join(''), times]);

  test('is folded from three times on', () => {
    expect(folded('xaay')).toEqual([
      ['x', 1],
      ['a', 1],
      ['a', 1],
      ['y', 1],
    ]);
    expect(folded('xaaaay')).toEqual([
      ['x', 1],
      ['a', 4],
      ['y', 1],
    ]);
  });

  test('is folded by rounds, the longest stretch first', () => {
    expect(folded('abcdabcdabcdab')).toEqual([
      ['abcd', 3],
      ['a', 1],
      ['b', 1],
    ]);
    expect(folded('ababababaaaa')).toEqual([
      ['ab', 4],
      ['a', 4],
    ]);
  });
});

describe('lanes', () => {
  const trace = traceOf(machine, 64);
  const at = (options: Partial<Parameters<typeof lanes>[2]> = {}) =>
    lanes(trace, context, { untilStep: Number.POSITIVE_INFINITY, prefer: [], rows: 12, width: 100, ...options });

  test('show the CPUs asked for, in order of their numbers, and nobody else', () => {
    expect(at({ prefer: [1, 0] })[0]).toMatch(/^ +step \| CPU 0 +\| CPU 1$/);
    expect(at({ prefer: [1] })[0]).toMatch(/^ +step \| CPU 1$/);
  });

  test('show whoever acted when nobody is asked for, and nothing of an empty trace', () => {
    expect(at()[0]).toContain('CPU 0');
    expect(lanes([], context, { untilStep: 9, prefer: [0], rows: 9, width: 80 })).toEqual([]);
  });

  test('end with the step asked for', () => {
    const { step } = trace[trace.length - 20]!;
    expect(at({ untilStep: step, prefer: [trace[trace.length - 20]!.cpu] }).at(-1)).toMatch(
      new RegExp(`^ +${step} \\|`),
    );
  });

  test('fit the width and the screen', () => {
    for (const width of [80, 120]) {
      const lines = at({ prefer: [0, 1], width });
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      expect(lines.length).toBeLessThanOrEqual(24);
    }
  });
});

describe('evidence', () => {
  test('puts CPUs in the same state on one line, and stops after a screenful', () => {
    expect(evidenceLines(k, ['CPU 0: waits', 'CPU 1: parked', 'CPU 2: parked', 'CPU 4: parked'])).toEqual([
      'CPU 0: waits',
      'CPU 1-2,4: parked',
    ]);
    const many = evidenceLines(
      k,
      Array.from({ length: 30 }, (_, i) => `line ${i}`),
    );
    expect(many).toHaveLength(9);
    expect(many.at(-1)).toBe('... and 22 more; --json lists them');
  });

  test('keeps two columns in line when names are shorter than addresses', () => {
    const va = formatVa(k.space.pageOffset);
    expect(evidenceLines(k, [`VA  ${va}  | VA  ${va}`, 'size  2M                | size  4K'])).toEqual([
      'VA  linear+0x0  |  VA  linear+0x0',
      'size  2M        |  size  4K',
    ]);
  });

  test('names the CPUs that matter, the one it happened on first', () => {
    const violation = {
      property: 'bbm',
      cpu: 3,
      step: 1,
      message: 'while CPU 2 could',
      evidence: ['CPU 12 and CPU 3'],
      remedy: '',
    };
    expect(cpusNamed(violation)).toEqual([3, 2, 12]);
    expect(cpusNamed({ ...violation, cpu: -1, evidence: [] })).toEqual([2]);
  });

  test('lists numbers as ranges', () => {
    expect(numberRanges([0, 1, 2, 5, 7, 8])).toBe('0-2,5,7-8');
  });
});

test('long lines break between words', () => {
  expect(wrap('one two three four', 9, '  ')).toEqual(['one two', '  three', '  four']);
  expect(wrap('unbreakable', 4)).toEqual(['unbreakable']);
});
