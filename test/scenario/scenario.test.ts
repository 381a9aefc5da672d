import { describe, expect, test } from 'vitest';
import { bbm } from '../../src/check/break-before-make/bbm.ts';
import { defineScenario, type ScenarioDefinition } from '../../src/scenario/scenario.ts';

const whole = { name: 'a', summary: 'b', board: 'asymmetric-8' };

describe('defineScenario()', () => {
  test('takes a name, a summary and a board, and expects the best', () => {
    expect(defineScenario(whole)).toEqual({ ...whole, expect: 'good' });
    expect(defineScenario({ ...whole, expect: 'bbm' }).expect).toBe('bbm');
    const more = {
      ...whole,
      kernel: { rodata: 'off', realm: true },
      allocationFailureOneIn: 64,
      properties: [bbm],
    } as const;
    expect(defineScenario(more)).toMatchObject(more);
  });

  const WRONG: readonly [string, unknown, RegExp][] = [
    ['nothing', undefined, /expected an object, got undefined/],
    ['null', null, /expected an object/],
    ['a key that it does not know', { ...whole, program: () => {} }, /unknown key 'program'; known: name, summary/],
    ['no name', { ...whole, name: '' }, /'name' must be a non-empty string/],
    ['a summary that is no text', { ...whole, summary: 3 }, /'summary' must be a non-empty string/],
    ['no board', { name: 'a', summary: 'b' }, /'board' must be the name of a board or a board/],
    ['a board that is null', { ...whole, board: null }, /'board' must be/],
    ['programs that are no function', { ...whole, programs: [] }, /'programs' must be a function/],
    ['a set-up that is no function', { ...whole, setup: {} }, /'setup' must be a function/],
    ['a text that is no function', { ...whole, text: {} }, /'text' must be a function/],
    ['an expectation that is no name', { ...whole, expect: 5 }, /'expect' must be 'good' or the name/],
    ['a kernel that is none', { ...whole, kernel: 5 }, /'kernel' must be an object/],
    ['a kernel with a key of its own', { ...whole, kernel: { ro: 1 } }, /unknown key 'kernel.ro'; known: revision/],
    [
      'a parameter nobody has',
      { ...whole, kernel: { kfence: 'x' } },
      /'kernel.kfence' must be one of off, early, late/,
    ],
    ['a switch that is neither', { ...whole, kernel: { realm: 1 } }, /'kernel.realm' must be one of true, false/],
    ['chances that are none', { ...whole, allocationFailureOneIn: 0.5 }, /'allocationFailureOneIn' must be a whole/],
    ['a property that is none', { ...whole, properties: [3] }, /'properties\[0\]' must have a name and a mood/],
    ['properties that are no list', { ...whole, properties: {} }, /'properties' must be an array/],
  ];
  test.each(WRONG)('refuses %s, and says why', (_, definition, message) => {
    expect(() => defineScenario(definition as ScenarioDefinition)).toThrow(TypeError);
    expect(() => defineScenario(definition as ScenarioDefinition)).toThrow(message);
  });
});
