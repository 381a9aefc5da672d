/** The few A64 instructions whose encodings matter here. DDI 0487, C6.2. */

export const NOP = 0xd503201fn;

/** `B` with an offset of `words` instructions, forwards. */
export function branch(words: number): bigint {
  return 0x1400_0000n | BigInt(words & 0x3ff_ffff);
}

/** The instruction in the low half of the word is an unconditional branch, `B`. */
export function isBranch(word: bigint): boolean {
  return (word & 0xfc00_0000n) === 0x1400_0000n;
}
