/** Who hears a TLBI: this CPU alone, its Inner Shareable domain, or its Outer Shareable domain. */
export type TlbiReach = 'local' | 'inner' | 'outer';

type TlbiVerb =
  | 'vmalle1'
  | 'aside1'
  | 'vae1'
  | 'vale1'
  | 'vaae1'
  | 'vaale1'
  | 'rvae1'
  | 'rvale1'
  | 'rvaae1'
  | 'rvaale1';

/** A TLBI operation of EL1, stage 1, as the manual spells it but in lower case: `vaale1is`. */
export type TlbiName = TlbiVerb | `${TlbiVerb}is` | `${TlbiVerb}os`;

/** What an operation removes. DDI 0487, D8.17 "TLB maintenance". */
export interface TlbiOperation {
  readonly name: TlbiName;
  readonly reach: TlbiReach;
  /** Heard by other CPUs. */
  readonly broadcast: boolean;
  /** Takes an address; `range` too. */
  readonly byVa: boolean;
  /** Takes a range operand; needs ID_AA64ISAR0_EL1.TLB >= 2. */
  readonly range: boolean;
  /** Leaves entries above the last level, the walk cache, alone. */
  readonly lastLevelOnly: boolean;
  /** Removes entries of every ASID, and takes none. */
  readonly allAsid: boolean;
}

const VERBS: Readonly<Record<TlbiVerb, Pick<TlbiOperation, 'byVa' | 'range' | 'lastLevelOnly' | 'allAsid'>>> = {
  vmalle1: { byVa: false, range: false, lastLevelOnly: false, allAsid: true },
  aside1: { byVa: false, range: false, lastLevelOnly: false, allAsid: false },
  vae1: { byVa: true, range: false, lastLevelOnly: false, allAsid: false },
  vale1: { byVa: true, range: false, lastLevelOnly: true, allAsid: false },
  vaae1: { byVa: true, range: false, lastLevelOnly: false, allAsid: true },
  vaale1: { byVa: true, range: false, lastLevelOnly: true, allAsid: true },
  rvae1: { byVa: true, range: true, lastLevelOnly: false, allAsid: false },
  rvale1: { byVa: true, range: true, lastLevelOnly: true, allAsid: false },
  rvaae1: { byVa: true, range: true, lastLevelOnly: false, allAsid: true },
  rvaale1: { byVa: true, range: true, lastLevelOnly: true, allAsid: true },
};

const REACHES = [
  ['', 'local'],
  ['is', 'inner'],
  ['os', 'outer'],
] as const;

/** Every operation, in a fixed order: an index into it is a small integer that stands for the operation. */
export const TLBI_OPERATIONS: readonly TlbiOperation[] = (Object.keys(VERBS) as TlbiVerb[]).flatMap((verb) =>
  REACHES.map(([suffix, reach]) => ({
    name: `${verb}${suffix}` as TlbiName,
    reach,
    broadcast: reach !== 'local',
    ...VERBS[verb],
  })),
);

export const TLBI = Object.fromEntries(TLBI_OPERATIONS.map((operation) => [operation.name, operation])) as Readonly<
  Record<TlbiName, TlbiOperation>
>;
