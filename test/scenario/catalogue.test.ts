import { describe, expect, test } from 'vitest';
import { standardProperties } from '../../src/check/standard.ts';
import { linuxSentence, SENTENCE_PLACES } from '../../src/explore/explain/linux-place.ts';
import { changedSentences } from '../../src/explore/explain/sentence.ts';
import { checkedBoard } from '../../src/hardware/board/board-check.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { DEFAULT_CONFIG, REVISIONS } from '../../src/kernel/config.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { catalogue, scenarioNamed } from '../../src/scenario/catalogue.ts';
import { heldUpCpu, outOfMemory, repaint } from '../../src/scenario/repaint/repaint.ts';
import { circumstancesOf, type Scenario } from '../../src/scenario/scenario.ts';
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
      ...[...standardProperties, ...(scenario.properties ?? [])]
        .filter(({ mood }) => mood === 'always')
        .map(({ name }) => name),
    ];
    expect(known).toContain(scenario.expect);
    expect(scenario.summary.length).toBeGreaterThan(20);
  });

  test('has a good scenario for every bad one, on the same board', () => {
    for (const { expect: expected, board } of catalogue)
      if (expected !== 'good')
        expect(catalogue.some((other) => other.expect === 'good' && other.board === board)).toBe(true);
  });

  test.each(REVISIONS)('a bad twin changes one sentence of %s, or two, or has bad luck', (revision) => {
    const twoSentences = [
      'repaint/release-before-flush-completes',
      'split-leaf/no-split-lock',
      'set-memory/page-of-group-by-itself',
      'split-range/pxn-lost',
      'offline-repaint/counted-before-lock',
    ];
    for (const scenario of catalogue) {
      const { name, text, expect: expected } = scenario;
      if (expected === 'good' || text === undefined) continue;
      const given = circumstancesOf(scenario, kernelText(revision));
      const [good, bad] = [sentences(given), sentences(text(given))];
      const changed = good.filter((sentence, i) => sentence !== bad[i]).length;
      expect(changed, name).toBe(twoSentences.includes(name) ? 2 : 1);
    }
  });

  test('what a bad twin changes has its place in Linux', () => {
    const homeless = catalogue.flatMap((scenario) => {
      if (scenario.expect === 'good' || scenario.text === undefined) return [];
      const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
      return changedSentences({ scenario, kernel }).filter((path) => linuxSentence(path) === undefined);
    });
    expect(homeless).toEqual([]);
  });

  test('and no place is for a sentence that no revision has', () => {
    const has = (text: unknown, [name, ...deeper]: readonly string[]): boolean =>
      name === undefined ||
      (typeof text === 'object' && text !== null && name in text && has(Reflect.get(text, name), deeper));
    const texts = REVISIONS.map(kernelText);
    expect(SENTENCE_PLACES.filter((path) => !texts.some((text) => has(text, path.split('.'))))).toEqual([]);
  });

  test('a bad scenario that changes no sentence has circumstances, programs, a handler or a kernel of its own', () => {
    for (const { name, text, expect: expected, circumstances, programs, kernel, irq } of catalogue)
      if (expected !== 'good' && text === undefined)
        expect(circumstances ?? programs ?? irq ?? kernel, name).toBeDefined();
  });
});

/** The replaceable sentences as they stand in the source. */
function sentences(part: object): string[] {
  return Object.values(part).flatMap((one) => (typeof one === 'object' ? sentences(one) : [String(one)]));
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
    'repaint/reserved-ttbr1-without-tlbi',
    'repaint/no-flush',
    'repaint/release-before-flush-completes',
    'repaint/flag-not-in-idmap',
    'repaint/painter-without-bbml2',
    'repaint/linked-before-visible',
    'repaint/boot-cpu-does-not-wait',
  ];
  test.each(always)('%s is caught in any order', (name) => {
    const twin = scenarioNamed(name)!;
    const seeds = name === 'repaint/boot-cpu-does-not-wait' ? 1 : 3; // whoever waits there waits long
    for (let seed = 1; seed <= seeds; seed++) expect(properties(twin, seed), `seed ${seed}`).toContain(twin.expect);
  });

  test('repaint/out-of-memory panics in any order', () => {
    for (let seed = 1; seed <= 3; seed++)
      expect(repainted(board, outOfMemory, seed).died).toBe('Kernel panic - not syncing: Failed to split linear map');
  });
});
