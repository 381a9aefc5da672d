import { expect, test } from 'vitest';
import { faultOf } from '../../../src/arch/fault.ts';
import { uniform } from '../../../src/explore/strategy/random.ts';
import { search } from '../../../src/explore/strategy/search.ts';
import { traceOf } from '../../../src/hardware/system.ts';
import { askedBeforeBroken, realmShare, realmShareTwins } from '../../../src/scenario/split/realm-share.ts';
import { expectCaught, expectGood, expectGoodWithin, explorer } from '../explored.ts';

test('violates nothing in any order that is drawn', () => expectGood(realmShare, 20));

test('nothing is violated in any order with one preemption', () => expectGoodWithin(realmShare, 1));

test.each(realmShareTwins)('$name comes to $expect, and to nothing else first', (twin) => expectCaught(twin, [1]));

/** In the good text somebody reads a page that is on its way as well: the exception table helps him. */
test('who reads beyond his page meets a translation fault, and never an external abort', () => {
  expect(faultsOf(realmShare)).toContain('translation');
  expect(faultsOf(realmShare)).not.toContain('external-abort');
  expect(faultsOf(askedBeforeBroken)).toContain('external-abort');
});

function faultsOf(scenario: typeof realmShare): string[] {
  const it = explorer(scenario);
  const kinds = new Set<string>();
  for (let schedule = 0; schedule < 15; schedule++) {
    search(it, uniform(1), schedule, schedule + 1);
    for (const { kind, detail, address } of traceOf(it.machine, 512))
      if (kind === 'fault') kinds.add(faultOf(detail, { va: address, access: 'read', el: 1 })!.kind);
  }
  return [...kinds];
}
