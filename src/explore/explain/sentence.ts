import type { KernelText } from '../../kernel/kernel.ts';
import { kernelText } from '../../kernel/text.ts';
import { circumstancesOf, type Scenario } from '../../scenario/scenario.ts';
import type { Exploration } from '../interleaver.ts';

/**
 * The sentences of the kernel's text that a scenario has changed, and the same scenario with one of them as the kernel has it.
 * Where no single line is missing, a sentence may be: what a table maps, who does it, what a variable starts with.
 */

/** A sentence's place in the text: 'repaint.mapFlag'. */
export type SentencePath = string;

/** The changed sentences, in the order of the text. */
export function changedSentences({ scenario, kernel }: Exploration): SentencePath[] {
  if (scenario.text === undefined) return [];
  const given = circumstancesOf(scenario, kernelText(kernel.revision));
  return differences(given, scenario.text(given), '');
}

function differences(good: object, changed: object, above: string): SentencePath[] {
  return Object.entries(good).flatMap(([name, sentence]) => {
    const other: unknown = Reflect.get(changed, name);
    if (other === sentence) return [];
    if (typeof sentence !== 'object' || typeof other !== 'object' || other === null) return [above + name];
    return differences(sentence, other, `${above}${name}.`);
  });
}

/** The same exploration, where this sentence is the kernel's own. */
export function withRestored(exploration: Exploration, path: SentencePath): Exploration {
  const { scenario } = exploration;
  return { ...exploration, scenario: { ...scenario, text: (good) => restored(good, scenario, path) } };
}

function restored(good: KernelText, { text }: Scenario, path: SentencePath): KernelText {
  const changed = text?.(good) ?? good;
  return put(changed, path.split('.'), good) as KernelText;
}

/** A copy of `record` whose member at `path` is that of `from`. */
function put(record: object, [name, ...deeper]: readonly string[], from: object): object {
  const original: unknown = Reflect.get(from, name!);
  const member = deeper.length === 0 ? original : put(Reflect.get(record, name!), deeper, original as object);
  return { ...record, [name!]: member };
}
