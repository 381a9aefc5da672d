/**
 * An operation of a simulated CPU: a generator that yields a point before each thing others can see. Kernel code only
 * ever says `yield*`; a star marks exactly the lines where another CPU may step in.
 */
export type Op<T = void> = Generator<Point, T, void>;

export type PointKind =
  | 'load'
  | 'store'
  | 'rmw'
  | 'fill-table'
  | 'tlbi'
  | 'dsb'
  | 'isb'
  | 'msr'
  | 'sev'
  | 'ipi'
  | 'smc'
  | 'allocate'
  | 'free'
  | 'mark'
  | 'burst'
  | 'fetch'
  | 'dc-cvau'
  | 'ic-ivau'
  /** Blocks until the 32-bit word `word` of the machine's buffer no longer holds `expected`. */
  | 'wait'
  /** An unmasked interrupt is pending: whoever drives the CPU may run its handler first. */
  | 'preempt'
  /** The CPU never runs again: an exception nobody handles. */
  | 'halt';

/**
 * What a CPU is about to do, and where. One mutable record per CPU, valid until the CPU goes on. `address` is virtual;
 * `word` indexes the machine's buffer as 32-bit words.
 */
export interface Point {
  kind: PointKind;
  address: number;
  word: number;
  expected: number;
  /** For `wait` and `halt`: what the CPU waits for or died of, in words. */
  reason: string;
}

export function newPoint(): Point {
  return { kind: 'mark', address: 0, word: 0, expected: 0, reason: '' };
}
