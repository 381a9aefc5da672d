import { describe, expect, test } from 'vitest';
import { standardProperties } from '../../src/check/standard.ts';
import { checkedBoard } from '../../src/hardware/board-check.ts';
import { boardPresets } from '../../src/hardware/board-presets.ts';
import { REVISIONS } from '../../src/kernel/config.ts';
import type { KernelText } from '../../src/kernel/kernel.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { catalogue, scenarioNamed } from '../../src/scenario/catalogue.ts';
import { heldUpCpu, outOfMemory, repaint } from '../../src/scenario/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { repainted, sized } from './repainted.ts';

/** Judged by whoever drives the CPUs, and not by a property of the list. */
const BY_DRIVERS = ['deadlock', 'hung', 'chart', 'panic'];

describe('the catalogue', () => {
  test('has each name once, and finds it', () => {
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length);
    for (const scenario of catalogue) expect(scenarioNamed(scenario.name)).toBe(scenario);
    expect(scenarioNamed('no such thing')).toBeUndefined();
  });

  test.each(catalogue)('$name: a board that exists, and an expectation that can come true', (scenario) => {
    const { board } = scenario;
    expect(typeof board === 'string' ? boardPresets.has(board) : checkedBoard(board).ok).toBe(true);
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

  test.each(REVISIONS)(
    'a bad twin differs from a good text of %s in one or two sentences, or is unlucky',
    (revision) => {
      const good = kernelText(revision);
      const texts = catalogue
        .filter(({ expect: expected }) => expected === 'good')
        .map(({ text }) => sentences(text?.(good) ?? good));
      const unlucky = ['repaint/out-of-memory', 'split-leaf/no-split-lock'];
      const twoSentences = ['repaint/release-before-flush-completes'];
      for (const { text, name, expect: expected } of catalogue) {
        if (expected === 'good') continue;
        const bad = sentences(text!(good));
        const changed = Math.min(...texts.map((one) => one.filter((sentence, i) => sentence !== bad[i]).length));
        expect(changed, name).toBeGreaterThan(0);
        expect(changed, name).toBeLessThan(3);
        if (changed > 1) expect([...unlucky, ...twoSentences]).toContain(name);
      }
    },
  );
});

/** The replaceable sentences as they stand in the source. */
function sentences({ verifyLocalCpuCaps, ...texts }: KernelText): string[] {
  return [...Object.values(texts).flatMap((part) => Object.values(part)), verifyLocalCpuCaps].map(String);
}

describe('in one thread, in an order that a seed decides', () => {
  const board = sized('asymmetric-8', { cpus: 3, memoryBytes: 2 ** 27 });

  function properties(scenario: Scenario, seed: number): string[] {
    const { violations, died } = repainted(board, scenario, seed);
    expect(died).toMatch(/^$|an exception that nobody handles|come to an end|amalgamated translation/);
    return [...new Set(violations.map(({ property }) => property))];
  }

  test.each([repaint, heldUpCpu])('$name violates nothing', (scenario) => {
    for (let seed = 1; seed <= 5; seed++) expect(properties(scenario, seed)).toEqual([]);
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

  test('repaint/out-of-memory panics in any order', () => {
    for (let seed = 1; seed <= 3; seed++)
      expect(repainted(board, outOfMemory, seed).died).toBe('Kernel panic - not syncing: Failed to split linear map');
  });
});
