/** A stretch of steps: `steps` once, or `times` over. */
export interface Stretch<T> {
  readonly steps: readonly T[];
  readonly times: number;
}

/** Longest round that is looked for: allocate, fill, barrier, link. */
const LONGEST_ROUND = 4;
/** Rounds of several steps are worth folding from this many on. */
const FEWEST_ROUNDS = 3;

/** Folds what repeats: a stretch stands for its first round. `shape`: equal for steps that do the same thing. */
export function foldRepetition<T>(steps: readonly T[], shape: (step: T) => string): Stretch<T>[] {
  const shapes = steps.map(shape);
  const stretches: Stretch<T>[] = [];
  for (let at = 0; at < steps.length; ) {
    const { round, times } = longestRepetition(shapes, at);
    stretches.push({ steps: steps.slice(at, at + round), times });
    at += round * times;
  }
  return stretches;
}

function longestRepetition(shapes: readonly string[], at: number): { readonly round: number; readonly times: number } {
  let best = { round: 1, times: 1 };
  for (let round = 1; round <= LONGEST_ROUND; round++) {
    let times = 1;
    while (repeatsAt(shapes, at, at + round * times, round)) times++;
    if (times >= FEWEST_ROUNDS && round * times > best.round * best.times) best = { round, times };
  }
  return best;
}

function repeatsAt(shapes: readonly string[], first: number, next: number, round: number): boolean {
  if (next + round > shapes.length) return false;
  for (let i = 0; i < round; i++) if (shapes[first + i] !== shapes[next + i]) return false;
  return true;
}
