import { DEFAULT_CONFIG, type Revision } from '../../kernel/config.ts';
import type { KernelText } from '../../kernel/kernel.ts';
import { kernelText } from '../../kernel/text.ts';
import { circumstancesOf, type Scenario } from '../../scenario/scenario.ts';
import type { Exploration } from '../interleaver.ts';

/**
 * The sentences of the kernel's text that a scenario has changed, and the same scenario with one of them as the kernel has it.
 * Where no single line is missing, a sentence may be: what a table maps, who does it, what a variable starts with. Where a
 * scenario changes none, what fails may be its revision: then they are the parts of the text that 6.18 has otherwise.
 */

/** A sentence's place in the text: 'repaint.mapFlag'; or a part of it: 'repaint'. */
export type SentencePath = string;

/** Whose sentences take the place of the failing ones. */
export function goodRevision({ scenario, kernel }: Pick<Exploration, 'scenario' | 'kernel'>): Revision {
  return scenario.text === undefined ? DEFAULT_CONFIG.revision : kernel.revision;
}

/** The changed sentences, in the order of the text. */
export function changedSentences({ scenario, kernel }: Pick<Exploration, 'scenario' | 'kernel'>): SentencePath[] {
  const given = circumstancesOf(scenario, kernelText(kernel.revision));
  if (scenario.text !== undefined) return differences(given, scenario.text(given), '');
  // Revisions differ in what belongs together.
  const good = kernelText(DEFAULT_CONFIG.revision);
  return Object.entries(kernelText(kernel.revision)).flatMap(([part, text]) =>
    differences({ [part]: Reflect.get(good, part) }, { [part]: text }, '').length > 0 ? [part] : [],
  );
}

function differences(good: object, changed: object, above: string): SentencePath[] {
  return Object.entries(good).flatMap(([name, sentence]) => {
    const other: unknown = Reflect.get(changed, name);
    if (other === sentence) return [];
    if (typeof sentence !== 'object' || typeof other !== 'object' || other === null) return [above + name];
    return differences(sentence, other, `${above}${name}.`);
  });
}

/** The same exploration, where this sentence is the good one. */
export function withRestored(exploration: Exploration, path: SentencePath): Exploration {
  const { scenario } = exploration;
  const revision = goodRevision(exploration);
  const restored = (given: KernelText): KernelText => {
    const good = scenario.text === undefined ? circumstancesOf(scenario, kernelText(revision)) : given;
    return put(scenario.text?.(given) ?? given, path.split('.'), good) as KernelText;
  };
  return { ...exploration, scenario: { ...scenario, text: restored } satisfies Scenario };
}

/** A copy of `record` whose member at `path` is that of `from`. */
function put(record: object, [name, ...deeper]: readonly string[], from: object): object {
  const original: unknown = Reflect.get(from, name!);
  const member = deeper.length === 0 ? original : put(Reflect.get(record, name!), deeper, original as object);
  return { ...record, [name!]: member };
}
