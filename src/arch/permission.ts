/**
 * A `rights` byte: what a translation allows, one bit a probe. The data bits are those of AT S1E1R, S1E1W, S1E0R,
 * S1E0W, and of S1E1RP, S1E1WP, which are EL1 accesses with PSTATE.PAN set.
 */
export const RIGHT_EL1_READ = 1 << 0;
export const RIGHT_EL1_WRITE = 1 << 1;
export const RIGHT_EL0_READ = 1 << 2;
export const RIGHT_EL0_WRITE = 1 << 3;
export const RIGHT_EL1_READ_PAN = 1 << 4;
export const RIGHT_EL1_WRITE_PAN = 1 << 5;
export const RIGHT_EL1_EXECUTE = 1 << 6;
export const RIGHT_EL0_EXECUTE = 1 << 7;

/** Every right EL0 can have. */
export const RIGHTS_EL0 = RIGHT_EL0_READ | RIGHT_EL0_WRITE | RIGHT_EL0_EXECUTE;

/** The bits from 0 up, under the names of the probes. */
export const RIGHT_NAMES = ['s1e1r', 's1e1w', 's1e0r', 's1e0w', 's1e1rp', 's1e1wp', 'xel1', 'xel0'] as const;

/** What the tables above a leaf withhold: bits 63:59 of their descriptors, ored together and moved down to bit 0. */
export const LIMIT_PXN = 1 << 0;
export const LIMIT_UXN = 1 << 1;
/** APTable[0]: no access from EL0. */
export const LIMIT_EL0 = 1 << 2;
/** APTable[1]: no writing. */
export const LIMIT_WRITE = 1 << 3;

/**
 * The rights of a leaf. All arguments are integers: AP 0..3, UXN and PXN 0 or 1, `limits` the LIMIT bits (0 where
 * TCR_EL1.HPDn disables them), WXN and EPAN the bits of SCTLR_EL1. E0PD is no matter of rights: the walk faults.
 * DDI 0487, D8.4 "Memory access control".
 */
export function rightsOf(AP: number, UXN: number, PXN: number, limits: number, WXN: number, EPAN: number): number {
  const admitsEl0 = AP & 1 & ~(limits >> 2);
  const writable = (((AP >> 1) | (limits >> 3)) & 1) ^ 1;
  const writableEl0 = admitsEl0 & writable;
  const executableEl0 = (((UXN | (limits >> 1)) & 1) ^ 1) & ~(WXN & writableEl0);
  // What EL0 may write is never executable at EL1, whatever WXN says.
  const executableEl1 = (((PXN | limits) & 1) ^ 1) & ~writableEl0 & ~(WXN & writable);
  const privileged = (admitsEl0 | (EPAN & executableEl0)) ^ 1;
  return (
    RIGHT_EL1_READ |
    (RIGHT_EL1_WRITE * writable) |
    (RIGHT_EL0_READ * admitsEl0) |
    (RIGHT_EL0_WRITE * writableEl0) |
    (RIGHT_EL1_READ_PAN * privileged) |
    (RIGHT_EL1_WRITE_PAN * (privileged & writable)) |
    (RIGHT_EL1_EXECUTE * executableEl1) |
    (RIGHT_EL0_EXECUTE * executableEl0)
  );
}

/** The names of the probes that succeed. */
export function formatRights(rights: number): string {
  return RIGHT_NAMES.filter((_, position) => (rights >> position) & 1).join(' ');
}
