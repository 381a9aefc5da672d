/**
 * A bit field of a 64-bit register or descriptor, `hi:lo` as the manual writes it.
 * At most 53 bits wide, so that its value is an exact number.
 */
export interface Field {
  readonly hi: number;
  readonly lo: number;
}

/** A register's fields under their Arm names, in bit order. */
export type Layout = Readonly<Record<string, Field>>;

/** One number a field. */
export type FieldValues<L extends Layout> = { readonly [Name in keyof L]: number };

/** @throws RangeError unless 63 >= hi >= lo >= 0 and the field is at most 53 bits wide. */
export function bits(hi: number, lo: number): Field {
  if (hi > 63 || lo < 0 || hi < lo || hi - lo >= 53) throw new RangeError(`no such field: ${hi}:${lo}`);
  return { hi, lo };
}

export function bit(position: number): Field {
  return bits(position, position);
}

/** The field's bits in place, all ones. */
export function maskOf(field: Field): bigint {
  return ((1n << BigInt(field.hi - field.lo + 1)) - 1n) << BigInt(field.lo);
}

export function extract(value: bigint, field: Field): number {
  return Number((value & maskOf(field)) >> BigInt(field.lo));
}

/** @throws RangeError when the number does not fit the field. */
export function insert(value: bigint, field: Field, number: number): bigint {
  if (!Number.isInteger(number) || number < 0 || number >= 2 ** (field.hi - field.lo + 1)) {
    throw new RangeError(`${number} does not fit bits ${field.hi}:${field.lo}`);
  }
  return (value & ~maskOf(field)) | (BigInt(number) << BigInt(field.lo));
}

/** The named fields over `base`; fields not named keep their bits. */
export function pack<L extends Layout>(layout: L, values: Partial<FieldValues<L>>, base = 0n): bigint {
  let packed = base;
  for (const name of Object.keys(values)) packed = insert(packed, layout[name]!, values[name]!);
  return packed;
}

/** Every field of the layout. */
export function unpack<L extends Layout>(layout: L, value: bigint): FieldValues<L> {
  const values: Record<string, number> = {};
  for (const name of Object.keys(layout)) values[name] = extract(value, layout[name]!);
  return values as FieldValues<L>;
}

/**
 * Where the field starts inside its own 32-bit half: for code that works on the halves of a descriptor as int32.
 * @throws RangeError when the field has bits in both halves.
 */
export function halfShift(field: Field): number {
  if (field.hi >= 32 && field.lo < 32) throw new RangeError(`bits ${field.hi}:${field.lo} lie in both halves`);
  return field.lo & 31;
}

/** The field's bits in place inside its half, as int32. @throws RangeError when the field has bits in both halves. */
export function halfMask(field: Field): number {
  return Number(BigInt.asIntN(32, maskOf(field) >> BigInt(field.lo - halfShift(field))));
}
