import { scenarioNamed } from '../../src/scenario/catalogue.ts';
import { defineScenario, type Scenario } from '../../src/scenario/scenario.ts';
import type { ScenarioReference } from './protocol.ts';

/** Finds a scenario in the catalogue or in the user's module. Throws an Error whose message is for the user. */
export async function loadScenario(reference: ScenarioReference): Promise<Scenario> {
  if (reference.module === undefined) {
    const scenario = scenarioNamed(reference.name);
    if (scenario === undefined) throw new Error(`unknown scenario '${reference.name}'`);
    return scenario;
  }
  const loaded = (await import(reference.module)) as { default?: unknown };
  if (loaded.default === undefined) throw new Error(`${reference.name} has no default export; expected defineScenario({...})`);
  return defineScenario(loaded.default as Scenario);
}
