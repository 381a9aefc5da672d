import { test } from 'vitest';
import { hugePageProtected, rangeNotInStrides } from '../../../src/scenario/user/huge-page.ts';
import { expectCaught, expectGood, expectGoodWithin } from '../explored.ts';

test('violates nothing in any order that is drawn', () => expectGood(hugePageProtected, 60));

test('nothing is violated in any order with one preemption', () => expectGoodWithin(hugePageProtected, 1));

test('a range that is not rounded to its stride is flushed for ever, and that is said', () => {
  expectCaught(rangeNotInStrides, [1]);
});
