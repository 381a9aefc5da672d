import { ENTRY, LEAF, OUTPUT, TABLE } from '../../arch/descriptor.ts';
import { faultCode } from '../../arch/fault.ts';
import { halfMask, halfShift } from '../../arch/field.ts';
import { rightsOf } from '../../arch/permission.ts';
import * as power from '../../arch/power.ts';
import { keptOut, type Regime } from './regime.ts';

/** Where a walk reads descriptors. */
export interface DescriptorSource {
  /** The descriptor read last: low half, high half. */
  readonly halves: Uint32Array;
  /**
   * One single-copy atomic read of the 64 bits at `pa`, a multiple of 8, into `halves`; false: external abort. `low`
   * and `high` are the same address as two int32. A source uses the form it likes: integers are a third faster, and
   * the form it leaves alone costs nothing where the call is inlined.
   */
  fetch(pa: number, low: number, high: number): boolean;
}

/**
 * What a walk found. The caller makes one record and reuses it: a walk allocates nothing. After a fault only `fault`,
 * `level`, `limits`, `tables` down to that level and, where one was read, `descriptorPa`, `low` and `high` are of this walk.
 */
export interface Walk {
  /** 0, or a fault code of arch/fault.ts. Access rights are the caller's to check: see `refusal`. */
  fault: number;
  /** The level of the leaf, or of the fault. */
  level: number;
  /** log2 of the bytes the leaf maps, and of its whole contiguous run; the same without a Contiguous bit that counts. */
  sizeShift: number;
  contiguousShift: number;
  /** Output address of the very address walked, and of the first byte of the leaf. */
  pa: number;
  base: number;
  /** The rights byte of arch/permission.ts. */
  rights: number;
  attrIndx: number;
  /** The shareability that counts: 2 for Device and Non-cacheable memory whatever the descriptor says. */
  sh: number;
  nG: number;
  /** Where the last descriptor lies, and its halves as int32. */
  descriptorPa: number;
  low: number;
  high: number;
  /** What the tables passed withhold: LIMIT bits, before TCR_EL1.HPDn. Goes back into `walkFrom`. */
  limits: number;
  /** Physical address of the table read at each level; levels above the start keep what they had. */
  readonly tables: Float64Array;
}

// Fields that will hold doubles start as one, so that the record's shape settles at once.
const DOUBLE = Number.NaN;

export function newWalk(): Walk {
  return {
    fault: 0,
    level: 0,
    sizeShift: 0,
    contiguousShift: 0,
    pa: DOUBLE,
    base: DOUBLE,
    rights: 0,
    attrIndx: 0,
    sh: 0,
    nG: 0,
    descriptorPa: DOUBLE,
    low: 0,
    high: 0,
    limits: 0,
    tables: new Float64Array(4),
  };
}

const TRANSLATION = faultCode('translation', 0);
const ADDRESS_SIZE = faultCode('addrsize', 0);
const ACCESS_FLAG = faultCode('accessflag', 0);
const PERMISSION = faultCode('permission', 0);
const EXTERNAL_ABORT = faultCode('external-abort', 0);

// Descriptor fields inside their 32-bit half: `low` or `high` says which.
const LOW_VALID = halfMask(ENTRY.VALID);
const LOW_TYPE = halfMask(ENTRY.TYPE);
const TABLE_ENTRY = LOW_VALID | LOW_TYPE;
const LOW_AF = halfMask(LEAF.AF);
const LOW_ATTRINDX_SHIFT = halfShift(LEAF.AttrIndx);
const LOW_AP_SHIFT = halfShift(LEAF.AP);
const LOW_SH_SHIFT = halfShift(LEAF.SH);
const LOW_NG_SHIFT = halfShift(LEAF.nG);
const LOW_LPA = halfMask(OUTPUT.LPA);
/** From their place in the low half to where bits 51:48 of the address lie in a high half. */
const LPA_TO_HIGH = halfShift(OUTPUT.high) + 16 - halfShift(OUTPUT.LPA);
const HIGH_OUTPUT = halfMask(OUTPUT.high);
const HIGH_CONTIGUOUS = halfMask(LEAF.Contiguous);
const HIGH_PXN_SHIFT = halfShift(LEAF.PXN);
const HIGH_LIMITS_SHIFT = halfShift(TABLE.PXNTable);
const LIMITS = 0b1111;

const OUTER_SHAREABLE = 0b10;

/** `rightsOf` for every leaf: AP in bits 1:0 of the index, PXN and UXN above it as in the descriptor, then the rest. */
const KEY_PXN_SHIFT = 2;
const KEY_LIMITS_SHIFT = 4;
const RIGHTS = Uint8Array.from({ length: 1024 }, (_, key) =>
  rightsOf(key & 3, (key >> 3) & 1, (key >> 2) & 1, (key >> KEY_LIMITS_SHIFT) & LIMITS, (key >> 8) & 1, (key >> 9) & 1),
);

const TWO_32 = 2 ** 32;
const INVERSE_32 = 2 ** -32;
const DESCRIPTOR_SHIFT = 3;

// Bound again because the compiler folds a module's own constants, and loads imported ones: a sixth of a walk.
const { INVERSE, POWER } = power;

/** The walk of DDI 0487, D8.2, from the first table on. `va` is sign-extended and of the regime's half. */
export function walk(source: DescriptorSource, regime: Regime, va: number, out: Walk): void {
  if (va < regime.start || va >= regime.end) {
    out.fault = TRANSLATION;
    out.level = 0;
    return;
  }
  if (regime.rootFault !== 0) {
    out.fault = regime.rootFault;
    out.level = 0;
    return;
  }
  walkFrom(source, regime, va, regime.startLevel, regime.root, 0, out);
}

/**
 * The rest of a walk, from the table at `tablePa` that serves `level`: what a walk-cache hit saves. `limits` are those
 * of the tables above, as an earlier walk left them. `va` lies between `regime.start` and `regime.end`.
 */
export function walkFrom(
  source: DescriptorSource,
  regime: Regime,
  va: number,
  firstLevel: number,
  tablePa: number,
  firstLimits: number,
  out: Walk,
): void {
  const halves = source.halves;
  const tables = out.tables;
  const stride = regime.stride;
  const indexMask = (1 << stride) - 1;
  const pageMask = -1 << regime.pageShift;
  const wideMask = regime.wideOutput === 0 ? 0 : LOW_LPA;
  const highLimit = Math.ceil(regime.outputLimit * INVERSE_32) | 0;
  // Counted from the start of the half, the input has no sign and no bits above those of the first index.
  const input = va - regime.start;
  // The table's address as two int32, and coercions that change no value: the loop stays in integer registers.
  let tableLow = tablePa | 0;
  let tableHigh = (tablePa * INVERSE_32) | 0;
  let level = firstLevel | 0;
  let limits = firstLimits | 0;
  let shift = regime.pageShift + stride * (3 - level);
  let low = 0;
  let high = 0;
  let fault = 0;
  for (;;) {
    tables[level] = tableHigh * TWO_32 + (tableLow >>> 0);
    tableLow |= ((input * INVERSE[shift]!) & indexMask) << DESCRIPTOR_SHIFT;
    if (!source.fetch(tableHigh * TWO_32 + (tableLow >>> 0), tableLow, tableHigh)) {
      fault = EXTERNAL_ABORT;
      break;
    }
    low = halves[0]! | 0;
    high = halves[1]! | 0;
    if ((low & TABLE_ENTRY) !== TABLE_ENTRY || level === 3) break;
    const nextHigh = (high & HIGH_OUTPUT) | ((low & wideMask) << LPA_TO_HIGH);
    if (nextHigh >= highLimit) {
      fault = ADDRESS_SIZE;
      break;
    }
    tableHigh = nextHigh;
    tableLow = low & pageMask;
    limits |= (high >>> HIGH_LIMITS_SHIFT) & LIMITS;
    level++;
    shift -= stride;
  }
  out.level = level;
  out.limits = limits;
  out.descriptorPa = tableHigh * TWO_32 + (tableLow >>> 0);
  out.low = low;
  out.high = high;
  const size = POWER[shift]!;
  const inverse = INVERSE[shift]!;
  const outputHigh = (high & HIGH_OUTPUT) | ((low & wideMask) << LPA_TO_HIGH);
  const base = Math.floor((outputHigh * TWO_32 + ((low & pageMask) >>> 0)) * inverse) * size;
  if (fault === 0) {
    if ((low & LOW_VALID) === 0 || ((low & LOW_TYPE) === 0 && ((regime.blockLevels >> level) & 1) === 0))
      fault = TRANSLATION;
    else if (base >= regime.outputLimit) fault = ADDRESS_SIZE;
    else if ((low & LOW_AF) === 0) fault = ACCESS_FLAG;
  }
  if (fault !== 0) {
    out.fault = fault + level;
    return;
  }
  const attrIndx = (low >>> LOW_ATTRINDX_SHIFT) & 7;
  const run = (high & HIGH_CONTIGUOUS) === 0 ? 0 : (regime.contiguousBits >>> (4 * level)) & 15;
  const rightsKey =
    ((low >>> LOW_AP_SHIFT) & 3) |
    (((high >>> HIGH_PXN_SHIFT) & 3) << KEY_PXN_SHIFT) |
    ((limits & regime.limitsMask) << KEY_LIMITS_SHIFT) |
    regime.rightsKey;
  out.fault = 0;
  out.sizeShift = shift;
  out.contiguousShift = shift + run;
  out.base = base;
  out.pa = base + (input - Math.floor(input * inverse) * size);
  out.rights = RIGHTS[rightsKey]! & regime.rightsMask;
  out.attrIndx = attrIndx;
  out.sh = (regime.outerShareable >>> attrIndx) & 1 ? OUTER_SHAREABLE : (low >>> LOW_SH_SHIFT) & 3;
  out.nG = (low >>> LOW_NG_SHIFT) & 1;
}

/**
 * The fault code an access meets after the walk, 0: none; `right` is the one bit of the rights byte it needs. E0PD is
 * told here, for it faults before anything the walk could find.
 */
export function refusal(regime: Regime, walked: Walk, right: number): number {
  if (keptOut(regime, right)) return TRANSLATION;
  if (walked.fault !== 0) return walked.fault;
  return (walked.rights & right) === 0 ? PERMISSION + walked.level : 0;
}
