import type { Board } from '../hardware/board/board.ts';

/**
 * Which text acts: `v4` and `v5` of the series as posted in May and July 2025, `6.18` as merged, `7.1` with splitting before
 * the capabilities are final and blocks that are present and invalid, `7.3` with BBML3 from the ID register, `rox-rfc` the
 * ROX cache as posted in June 2026, on top of 7.1.
 */
export const REVISIONS = ['v4', 'v5', '6.18', '7.1', '7.3', 'rox-rfc'] as const;
export type Revision = (typeof REVISIONS)[number];

/** Those that somebody may be running. */
export const RELEASED = ['6.18', '7.1', '7.3'] as const satisfies readonly Revision[];

/** Kernels in the order in which they came to be; a series that was posted stands on the one before it. */
export const HISTORY: readonly Revision[] = ['v4', 'v5', '6.18', '7.1', 'rox-rfc', '7.3'];

/** Whether what came with `first` is in `revision`. */
export function isSince(revision: Revision, first: Exclude<Revision, 'rox-rfc'>): boolean {
  return HISTORY.indexOf(revision) >= HISTORY.indexOf(first);
}

/**
 * rodata= since 6.17: `full` and its synonym `on` also make the linear aliases of read-only things read-only, `noalias`
 * leaves the aliases alone, `off` protects nothing.
 */
export const RODATA = ['full', 'on', 'noalias', 'off'] as const;
export type Rodata = (typeof RODATA)[number];

/** KFENCE: not built in, pool taken at boot (mapped with pages), or enabled late (pages from the allocator). */
export const KFENCE = ['off', 'early', 'late'] as const;
export type Kfence = (typeof KFENCE)[number];

/** The kernel's command line and build, as far as page tables care. */
export interface KernelConfig {
  readonly revision: Revision;
  readonly rodata: Rodata;
  readonly debugPagealloc: boolean;
  /** The kernel runs in a realm, and does not know it while it maps RAM: see `canSetDirectMap`. */
  readonly realm: boolean;
  readonly kfence: Kfence;
  /** CONFIG_PREEMPT_RT: spinlocks sleep, raw ones do not. */
  readonly preemptRt: boolean;
  /** Kernel page-table isolation, known to be needed when the kernel maps itself (arm64_use_ng_mappings): its entries are nG. */
  readonly kpti?: boolean;
}

export const DEFAULT_CONFIG: KernelConfig = {
  revision: '6.18',
  rodata: 'full',
  debugPagealloc: false,
  realm: false,
  kfence: 'off',
  preemptRt: false,
  kpti: false,
};

/** rodata_full: linear aliases are protected too. */
export function rodataFull(config: KernelConfig): boolean {
  return config.rodata === 'full' || config.rodata === 'on';
}

/**
 * Linux: can_set_direct_map(), arch/arm64/mm/pageattr.c, as map_mem() gets it answered. Somebody may want to change
 * single pages of the linear map. A realm will, but is_realm_world() is still false: setup_arch() initialises RSI later.
 */
export function canSetDirectMap(config: KernelConfig): boolean {
  return rodataFull(config) || config.debugPagealloc || config.kfence === 'late';
}

/**
 * Page-table pages that map all of this board's RAM with pages, and then some: what the pool must hold for the worst
 * case, a repaint of everything.
 */
export function tablePagesNeeded(board: Board): number {
  const pageShift = { '4K': 12, '16K': 14, '64K': 16 }[board.granule];
  const stride = pageShift - 3;
  let pages = 0;
  for (const bank of board.memory)
    for (let level = 3; level > 0; level--) {
      const span = 2 ** (pageShift + stride * (4 - level));
      pages += Math.floor((bank.base + bank.bytes - 1) / span) - Math.floor(bank.base / span) + 1;
    }
  return pages + 64;
}
