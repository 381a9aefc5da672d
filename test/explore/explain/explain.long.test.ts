import { expect, it } from 'vitest';
import { EXPLAIN_BUDGET } from '../../../src/explore/explain/bench.ts';
import { explain } from '../../../src/explore/explain/explain.ts';
import { earlyReturn, linkedBeforeVisible } from '../../../src/scenario/repaint/repaint.ts';
import { explorationOf, lostUpdate, worseWithMore } from '../known-bugs.ts';
import { failing } from './failing.ts';

/** Explanations that take long to find that there is none. */

it('where the revision fails, it is the part of the text that 6.18 has otherwise', () => {
  const { cures, sentences } = explain(failing(explorationOf(earlyReturn)));
  expect(cures).toEqual([]);
  expect(sentences).toMatchObject([{ sentence: 'repaint', revision: '6.18' }]);
});

it('a lost update wants a lock, which is no single line', () => {
  expect(explain(failing(explorationOf(lostUpdate))).cures).toEqual([]);
});

it('a line that helps the few CPUs of the small run, and not all that there were, is no cure', () => {
  const small = failing(explorationOf(worseWithMore, 2)); // on three CPUs, the third panics in nearly every schedule
  const shrunk = { ...small, before: { ...small.before, cpus: 4 } };
  expect(explain(shrunk).cures).toEqual([]);
  expect(explain(shrunk, { ...EXPLAIN_BUDGET, wide: 0 }).cures).toMatchObject([{ insert: 'DSB ISHST' }]);
});

it('comes out the same every time', () => {
  const shrunk = failing(explorationOf(linkedBeforeVisible));
  expect(explain(shrunk)).toEqual(explain(shrunk));
});
