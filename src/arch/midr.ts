import { bits, type FieldValues, pack, unpack } from './field.ts';

/** Which core this is: written `r<Variant>p<Revision>` in errata and allow lists. */
export const MIDR_EL1 = {
  Revision: bits(3, 0),
  PartNum: bits(15, 4),
  Architecture: bits(19, 16),
  Variant: bits(23, 20),
  Implementer: bits(31, 24),
} as const;

export type Midr = FieldValues<typeof MIDR_EL1>;

export const IMPLEMENTERS = {
  65: 'Arm',
  67: 'Cavium',
  70: 'Fujitsu',
  72: 'HiSilicon',
  78: 'NVIDIA',
  81: 'Qualcomm',
  97: 'Apple',
  192: 'Ampere',
} as const;

/** Implementer and part number by name. */
export const PARTS = {
  'Cortex-A53': [0x41, 0xd03],
  'Cortex-A35': [0x41, 0xd04],
  'Cortex-A55': [0x41, 0xd05],
  'Cortex-A57': [0x41, 0xd07],
  'Cortex-A72': [0x41, 0xd08],
  'Cortex-A73': [0x41, 0xd09],
  'Cortex-A75': [0x41, 0xd0a],
  'Cortex-A76': [0x41, 0xd0b],
  'Neoverse N1': [0x41, 0xd0c],
  'Cortex-A77': [0x41, 0xd0d],
  'Cortex-A76AE': [0x41, 0xd0e],
  'Neoverse V1': [0x41, 0xd40],
  'Cortex-A78': [0x41, 0xd41],
  'Cortex-A78AE': [0x41, 0xd42],
  'Cortex-X1': [0x41, 0xd44],
  'Cortex-A510': [0x41, 0xd46],
  'Cortex-A710': [0x41, 0xd47],
  'Cortex-X2': [0x41, 0xd48],
  'Neoverse N2': [0x41, 0xd49],
  'Cortex-A78C': [0x41, 0xd4b],
  'Cortex-X1C': [0x41, 0xd4c],
  'Cortex-A715': [0x41, 0xd4d],
  'Cortex-X3': [0x41, 0xd4e],
  'Neoverse V2': [0x41, 0xd4f],
  'Cortex-A520': [0x41, 0xd80],
  'Cortex-A720': [0x41, 0xd81],
  'Cortex-X4': [0x41, 0xd82],
  'Neoverse V3AE': [0x41, 0xd83],
  'Neoverse V3': [0x41, 0xd84],
  'Cortex-X925': [0x41, 0xd85],
  'Cortex-A725': [0x41, 0xd87],
  'Cortex-A520AE': [0x41, 0xd88],
  'Cortex-A720AE': [0x41, 0xd89],
  'C1-Nano': [0x41, 0xd8a],
  'C1-Pro': [0x41, 0xd8b],
  'C1-Ultra': [0x41, 0xd8c],
  'Neoverse N3': [0x41, 0xd8e],
  'C1-Premium': [0x41, 0xd90],
  ThunderX2: [0x43, 0x0af],
  A64FX: [0x46, 0x001],
  TSV110: [0x48, 0xd01],
  Denver: [0x4e, 0x003],
  Carmel: [0x4e, 0x004],
  Olympus: [0x4e, 0x010],
  Oryon: [0x51, 0x001],
  AmpereOne: [0xc0, 0xac3],
  'AmpereOne-A': [0xc0, 0xac4],
} as const satisfies Readonly<Record<string, readonly [implementer: number, partNum: number]>>;

export type PartName = keyof typeof PARTS;

/** The feature ID registers describe the architecture: what every core of this model reads in Architecture. */
const ARCHITECTURE_BY_ID_REGISTERS = 0xf;

/** MIDR_EL1 of a named part, `r<variant>p<revision>`. */
export function midrOf(part: PartName, variant = 0, revision = 0): number {
  const [implementer, partNum] = PARTS[part];
  return encodeMidr({
    Revision: revision,
    PartNum: partNum,
    Architecture: ARCHITECTURE_BY_ID_REGISTERS,
    Variant: variant,
    Implementer: implementer,
  });
}

export function encodeMidr(midr: Midr): number {
  return Number(pack(MIDR_EL1, midr));
}

export function decodeMidr(midr: number): Midr {
  return unpack(MIDR_EL1, BigInt(midr));
}

/** The part's name, undefined for a core this table does not have. */
export function partOf(midr: number): PartName | undefined {
  const { Implementer, PartNum } = decodeMidr(midr);
  for (const [name, [implementer, partNum]] of Object.entries(PARTS)) {
    if (implementer === Implementer && partNum === PartNum) return name as PartName;
  }
  return undefined;
}

/** `Cortex-X4 r0p3`; a core without a name as `0x41:0xabc r0p0`. */
export function formatMidr(midr: number): string {
  const { Implementer, PartNum, Variant, Revision } = decodeMidr(midr);
  const name = partOf(midr) ?? `0x${Implementer.toString(16)}:0x${PartNum.toString(16).padStart(3, '0')}`;
  return `${name} r${Variant}p${Revision}`;
}
