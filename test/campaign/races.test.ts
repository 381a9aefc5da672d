import { expect, it } from 'vitest';
import { noRaces, type Races, watchRaces } from '../../actors/campaign/races.ts';
import { interruptedSplit } from '../../src/scenario/interrupts/interrupted-split.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { splitLeaf } from '../../src/scenario/split/split.ts';
import { explorer } from '../scenario/explored.ts';

function racesOf(scenario: Scenario, schedules: number, cpus?: number): (name: string) => Races {
  const names = ['splitPud', 'splitPmd', 'setMemoryValid', 'flushTlbKernelRange', 'cpuDown'];
  const races = new Map(names.map((name) => [name, noRaces()]));
  watchRaces(explorer(scenario, cpus), scenario.name, races, { schedules, points: Number.POSITIVE_INFINITY });
  return (name) => races.get(name)!;
}

it('a function races with whoever steps while it is in the middle of itself', () => {
  const seen = racesOf(interruptedSplit, 25);
  const both = new Set(['interrupted-split']);
  for (const name of ['splitPmd', 'setMemoryValid'])
    expect(seen(name), name).toMatchObject({ readers: both, changers: both });
  expect(seen('splitPud').readers).toEqual(both);
  expect(seen('splitPmd').interrupts).toEqual(both);
});

it('a function that is never called races with nobody, and one CPU alone races with nobody else', () => {
  expect(racesOf(interruptedSplit, 2)('cpuDown')).toEqual(noRaces());
  const alone = racesOf(splitLeaf, 5, 1);
  for (const name of ['splitPmd', 'flushTlbKernelRange'])
    expect(alone(name), name).toMatchObject({ readers: new Set(), changers: new Set() });
});
