/** Fingerprints of 32 bits: equal things have equal ones, and different things have equal ones once in four billion times. */

/** Of numbers, whole and below 2^53, in their order. */
export function digestOfNumbers(numbers: readonly number[]): number {
  let hash = SEED ^ numbers.length;
  for (const number of numbers) hash = turn(turn(hash ^ (number | 0)) ^ Math.floor(number / 2 ** 32));
  return turn(hash) >>> 0;
}

export function digestOfText(text: string): number {
  let hash = SEED ^ text.length;
  for (let at = 0; at < text.length; at++) hash = turn(hash ^ text.charCodeAt(at));
  return turn(hash) >>> 0;
}

/** Of plain data; the order of keys does not matter, and an undefined value is one that is not there. */
export function digestOfData(data: unknown): number {
  return digestOfText(JSON.stringify(sorted(data)) ?? '');
}

function sorted(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(sorted);
  if (typeof data !== 'object' || data === null) return data;
  const entries = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, sorted(value)]));
}

const SEED = 0x811c9dc5 | 0;

/** A bijection of 32-bit words in which every bit depends on every other. */
function turn(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) + 0x9e3779b9;
}
