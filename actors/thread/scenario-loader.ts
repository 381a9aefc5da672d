import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
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
  resolveOwnName(reference.library);
  const loaded = (await import(reference.module)) as { default?: unknown };
  if (loaded.default === undefined)
    throw new Error(`${reference.name} has no default export; expected defineScenario({...})`);
  return defineScenario(loaded.default as Scenario);
}

/** In a checkout, the file that `import ... from 'asymmu'` means; undefined in an installed package, which Node resolves. */
export function librarySource(): string | undefined {
  const source = new URL('../../src/index.ts', import.meta.url);
  return existsSync(source) ? source.href : undefined;
}

let hooked = false;

/** A checkout has no compiled files for its own name to lead to: lead it to the source. */
function resolveOwnName(library: string | undefined): void {
  if (hooked || library === undefined) return;
  hooked = true;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'asymmu' ? { url: library, shortCircuit: true } : next(specifier, context),
  });
}
