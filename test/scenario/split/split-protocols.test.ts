import { expect, test } from 'vitest';
import { REVISIONS } from '../../../src/kernel/config.ts';
import { early, earlyAlone, earlyTwins, realm } from '../../../src/scenario/split/early.ts';
import { pagesOnly, pagesOnlyTwins } from '../../../src/scenario/split/pages-only.ts';
import { splitBugs } from '../../../src/scenario/split/split-bugs.ts';
import { splitRange, splitRangeTwins } from '../../../src/scenario/split/split-range.ts';
import { splitNotLazy, splitWhole } from '../../../src/scenario/split/split-whole.ts';
import { validity, validityTwins, validityWithKpti } from '../../../src/scenario/split/validity.ts';
import { expectCaught, expectGood, expectGoodWithin } from '../explored.ts';

const good = [validity, validityWithKpti, splitRange, splitWhole, pagesOnly, early, earlyAlone, realm];
const bad = [...validityTwins, ...splitRangeTwins, splitNotLazy, ...pagesOnlyTwins, ...earlyTwins];

test.each(good)('$name violates nothing in any order that is drawn', (scenario) => expectGood(scenario, 20));

test.each([splitRange, splitWhole, pagesOnly])('$name violates nothing with one preemption on two CPUs', (scenario) => {
  expectGoodWithin({ ...scenario, allocationFailureOneIn: 0 }, 1);
});

test.each(bad)('$name comes to $expect, and to nothing else first', (twin) => expectCaught(twin, [1]));

/** Who asks before the capabilities are final, by kernel: up to 6.18 he is told 0, and finds a block in his way. */
test.each(REVISIONS)('whoever comes early to %s is served since 7.1, and runs into a block before', (revision) => {
  const scenario = { ...earlyAlone, kernel: { ...earlyAlone.kernel, revision } };
  if (['v4', 'v5', '6.18'].includes(revision)) expectCaught({ ...scenario, expect: 'warn' }, [1]);
  else expectGood(scenario, 5);
});

test('each bug is acted out by a scenario of its own, and its fix is good', () => {
  const acted = splitBugs.map(({ act }) => {
    if ('why' in act) throw new Error(act.why);
    expect(act.bad.expect).not.toBe('good');
    expect(act.fixed.expect).toBe('good');
    return act.bad.name;
  });
  expect(new Set(acted).size).toBe(acted.length);
});
