/**
 * Powers of two as exact doubles, by exponent 0..63: scaling an address by one is exact, and a table read is many times
 * faster than `2 ** n` where the walker and the TLB do it.
 */
export const POWER: Readonly<Float64Array> = Float64Array.from({ length: 64 }, (_, n) => 2 ** n);
export const INVERSE: Readonly<Float64Array> = Float64Array.from({ length: 64 }, (_, n) => 2 ** -n);
