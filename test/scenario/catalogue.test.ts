import { describe, expect, test } from 'vitest';
import { standardProperties } from '../../src/check/standard.ts';
import { boardPresets } from '../../src/hardware/board-presets.ts';
import { resizeBoard } from '../../src/hardware/board-resize.ts';
import { REVISIONS } from '../../src/kernel/config.ts';
import { finaliseSystemCapabilities } from '../../src/kernel/cpufeature.ts';
import { linearMapMaybeSplitToPtes, linearMapSplitToPtes } from '../../src/kernel/repaint.ts';
import { multiCpuStop, takeStopWork } from '../../src/kernel/stop-machine.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { catalogue, scenarioNamed } from '../../src/scenario/catalogue.ts';
import { repaint } from '../../src/scenario/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { bootAll, type Interleaved, interleave, runToEnd } from '../kernel/interleaved.ts';

/** Judged by whoever drives the CPUs, and not by a property of the list. */
const BY_DRIVERS = ['deadlock', 'hung', 'chart', 'panic'];

describe('the catalogue', () => {
  test('has each name once, and finds it', () => {
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length);
    for (const scenario of catalogue) expect(scenarioNamed(scenario.name)).toBe(scenario);
    expect(scenarioNamed('no such thing')).toBeUndefined();
  });

  test.each(catalogue)('$name: a board that exists, and an expectation that can come true', (scenario) => {
    expect(boardPresets.has(scenario.board as string)).toBe(true);
    const known = [
      'good',
      ...BY_DRIVERS,
      ...standardProperties.filter(({ mood }) => mood === 'always').map(({ name }) => name),
    ];
    expect(known).toContain(scenario.expect);
    expect(scenario.summary.length).toBeGreaterThan(20);
  });

  test('has a good scenario for every bad one, on the same board', () => {
    for (const { expect: expected, board } of catalogue)
      if (expected !== 'good')
        expect(catalogue.some((other) => other.expect === 'good' && other.board === board)).toBe(true);
  });

  test.each(REVISIONS)('a bad twin differs from the good text of %s in few sentences', (revision) => {
    const good = kernelText(revision);
    for (const { text, name } of catalogue) {
      if (text === undefined) continue;
      const twin = text(good);
      const sentences = Object.keys(good.repaint) as (keyof typeof good.repaint)[];
      const changed = sentences.filter((sentence) => twin.repaint[sentence] !== good.repaint[sentence]).length;
      const others = twin.verifyLocalCpuCaps === good.verifyLocalCpuCaps ? 0 : 1;
      expect(changed + others, name).toBeGreaterThan(0);
      expect(changed + others, name).toBeLessThan(3);
    }
  });
});

describe('in one thread, in an order that a seed decides', () => {
  const result = resizeBoard(boardPresets.get('asymmetric-8')!, { cpus: 3, memoryBytes: 2 ** 27 });
  if (!result.ok) throw new Error(result.problems.join());
  const { board } = result;

  /** Boot, repaint, and then each CPU reads a page of each 2 MiB: what was said. */
  function properties(scenario: Scenario, seed: number): string[] {
    const machine = bootAll(board, scenario.kernel, seed, scenario.text);
    const { cpus, kernels, violations } = machine;
    runToEnd(finaliseSystemCapabilities(cpus[0]!, kernels[0]!));
    try {
      interleave(programs(machine), seed);
    } catch (error) {
      expect(String(error)).toMatch(
        /an exception that nobody handles|come to an end|no frame backs|atomic access index/,
      );
    }
    return [...new Set(violations.map(({ property }) => property))];
  }

  function programs({ cpus, kernels }: Interleaved) {
    return cpus.map((cpu, id) => {
      const k = kernels[id]!;
      return (function* () {
        if (id === 0) {
          yield* linearMapMaybeSplitToPtes(cpu, k);
          return;
        }
        while (!(yield* takeStopWork(cpu, k)));
        yield* multiCpuStop(cpu, k, linearMapSplitToPtes);
      })();
    });
  }

  test('the good repaint violates nothing', () => {
    for (let seed = 1; seed <= 5; seed++) expect(properties(repaint, seed)).toEqual([]);
  });

  const always = [
    'repaint/secondaries-stay-on-swapper',
    'repaint/no-reserved-ttbr1',
    'repaint/reserved-ttbr1-without-isb',
    'repaint/no-flush',
    'repaint/release-before-flush-completes',
    'repaint/flag-not-in-idmap',
    'repaint/painter-without-bbml2',
    'repaint/linked-before-visible',
    'repaint/boot-cpu-does-not-wait',
  ];
  test.each(always)('%s is caught in any order', (name) => {
    const twin = scenarioNamed(name)!;
    for (let seed = 1; seed <= 3; seed++) expect(properties(twin, seed), `seed ${seed}`).toContain(twin.expect);
  });
});
