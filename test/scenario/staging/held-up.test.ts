import { describe, expect, test } from 'vitest';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import { bootCpuDoesNotWait, heldUpCpu, repaint } from '../../../src/scenario/repaint/repaint.ts';
import { leastAble } from '../../../src/scenario/staging/least-able.ts';
import { repainted, sized } from '../repainted.ts';

const board = sized('asymmetric-8', { cpus: 3, memoryBytes: 2 ** 26 });
const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

/** The milestones of a repaint, in order, as `cpu mark`. */
function milestones(scenario: typeof repaint, seed: number): string[] {
  return repainted(board, scenario, seed).marks.map(({ cpu, mark }) => `${cpu} ${mark}`);
}

describe('a CPU that is held up', () => {
  test('is not yet on its way when the boot CPU arrives, in any order', () => {
    for (const seed of SEEDS) {
      const marks = milestones(heldUpCpu, seed);
      expect(marks.indexOf('2 repaint.parking')).toBeGreaterThan(marks.indexOf('0 repaint.painting'));
    }
  });

  test('may well be, where nothing holds it up', () => {
    const early = SEEDS.filter((seed) => {
      const marks = milestones(repaint, seed);
      return marks.indexOf('2 repaint.parking') < marks.indexOf('0 repaint.painting');
    });
    expect(early.length).toBeGreaterThan(0);
  });

  test('parks in the end, and a boot CPU that waits waits for it', () => {
    for (const seed of SEEDS) {
      const marks = milestones(heldUpCpu, seed);
      expect(marks.indexOf('0 repaint.everybodyParked')).toBeGreaterThan(marks.indexOf('2 repaint.parked'));
      expect(marks).toContain('0 repaint.finished');
    }
  });

  test('comes too late for a boot CPU that does not', () => {
    for (const seed of SEEDS.slice(0, 1)) {
      const marks = milestones(bootCpuDoesNotWait, seed);
      expect(marks.indexOf('2 repaint.parking')).toBeGreaterThan(marks.indexOf('0 repaint.painted'));
    }
  });
});

describe('the CPU that stands least', () => {
  const { 'cortex-x4-r0p3': able, 'generic-bbml1': one, 'cortex-a520': none } = cpuModels;
  const least = (cpus: (typeof able)[], lateCpus: number[] = []): number =>
    leastAble({ board: { ...board, cpus, lateCpus }, config: DEFAULT_CONFIG });

  test('is the last of the lowest class', () => {
    expect(least([able, none, one])).toBe(1);
    expect(least([able, none, able, none, one])).toBe(3);
  });
  test('has come up before the decision', () => expect(least([able, one, none], [2])).toBe(1));
  test('is nobody where all qualify', () => {
    expect(least([able, able])).toBe(-1);
    expect(least([able, able, none], [2])).toBe(-1);
  });
});
