import { POWER } from './power.ts';

/** A level of lookup; 3 holds pages. Level -1 (52-bit addresses with small granules) is not modelled. */
export type Level = 0 | 1 | 2 | 3;

export type GranuleName = '4K' | '16K' | '64K';

/** What a translation granule fixes. DDI 0487, chapter D8. */
export interface Granule {
  readonly name: GranuleName;
  readonly pageShift: number;
  readonly pageBytes: number;
  /** Address bits each full level resolves. */
  readonly stride: number;
  readonly entriesPerTable: number;
  /** log2 of the contiguous run by level, 0 where the Contiguous bit has no meaning. */
  readonly contiguousBits: readonly [number, number, number, number];
  /** Encodings of TCR_EL1.TG0, TCR_EL1.TG1, and of TLBI operands (TTL<3:2> and TG). */
  readonly TG0: number;
  readonly TG1: number;
  readonly TG: number;
}

export const GRANULE_4K: Granule = {
  name: '4K',
  pageShift: 12,
  pageBytes: 4096,
  stride: 9,
  entriesPerTable: 512,
  contiguousBits: [0, 4, 4, 4],
  TG0: 0b00,
  TG1: 0b10,
  TG: 0b01,
};

export const GRANULE_16K: Granule = {
  name: '16K',
  pageShift: 14,
  pageBytes: 16384,
  stride: 11,
  entriesPerTable: 2048,
  contiguousBits: [0, 0, 5, 7],
  TG0: 0b10,
  TG1: 0b01,
  TG: 0b10,
};

export const GRANULE_64K: Granule = {
  name: '64K',
  pageShift: 16,
  pageBytes: 65536,
  stride: 13,
  entriesPerTable: 8192,
  contiguousBits: [0, 0, 5, 5],
  TG0: 0b01,
  TG1: 0b11,
  TG: 0b11,
};

export const GRANULES: Readonly<Record<GranuleName, Granule>> = {
  '4K': GRANULE_4K,
  '16K': GRANULE_16K,
  '64K': GRANULE_64K,
};

/** log2 of the bytes one entry of that level spans. */
export function levelShift(granule: Granule, level: number): number {
  return granule.pageShift + granule.stride * (3 - level);
}

/** Bytes one entry of that level spans: a page, a block, or what a table below it maps. */
export function levelBytes(granule: Granule, level: number): number {
  return POWER[levelShift(granule, level)]!;
}

/** Whether a block descriptor may stand at that level; `lpa`: FEAT_LPA, which adds the 4 TB block of the 64K granule. */
export function blockAllowed(granule: Granule, level: number, lpa = false): boolean {
  if (level === 2) return true;
  return level === 1 && (granule.name === '4K' || (granule.name === '64K' && lpa));
}

/** Entries in one contiguous run at that level, 1 where the Contiguous bit has no meaning. */
export function contiguousRun(granule: Granule, level: Level): number {
  return 1 << granule.contiguousBits[level];
}

/** The level a walk starts at; `vaBits` 25..48. */
export function startLevel(granule: Granule, vaBits: number): Level {
  return (4 - Math.ceil((vaBits - granule.pageShift) / granule.stride)) as Level;
}

/** Entries of the table a walk starts in: a power of two, less than a full table when `vaBits` leaves few bits. */
export function startEntries(granule: Granule, vaBits: number): number {
  return 2 ** (vaBits - levelShift(granule, startLevel(granule, vaBits)));
}

/** Which entry of its table at that level translates the sign-extended `va`; `vaBits` bounds the start level's index. */
export function entryIndex(granule: Granule, level: Level, va: number, vaBits: number): number {
  const entries = level === startLevel(granule, vaBits) ? startEntries(granule, vaBits) : granule.entriesPerTable;
  const index = Math.floor(va / levelBytes(granule, level)) % entries;
  return index < 0 ? index + entries : index;
}
