/** Bytes as text that a shell, a URL and a mail leave alone, and numbers and strings as bytes. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** RFC 4648, section 5, without padding. */
export function base64url(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]];
    const word = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += ALPHABET[word >>> 18]! + ALPHABET[(word >>> 12) & 63]!;
    if (b !== undefined) text += ALPHABET[(word >>> 6) & 63]!;
    if (c !== undefined) text += ALPHABET[word & 63]!;
  }
  return text;
}

/** Undefined where the text is not what `base64url` writes. */
export function bytesOf(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let word = 0;
  let bits = 0;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return undefined;
    word = ((word << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((word >>> bits) & 255);
    }
  }
  const found = Uint8Array.from(bytes);
  return base64url(found) === text ? found : undefined;
}

/** CRC-32 (IEEE 802.3): no change of up to 32 neighbouring bits goes unnoticed. */
export function crc32(text: string): number {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Appends numbers and strings to bytes. */
export interface ByteWriter {
  /** A whole number from 0 below 2^53: seven bits a byte, the low ones first. */
  readonly number: (value: number) => void;
  /** 32 bits, as four bytes. */
  readonly word: (value: number) => void;
  readonly text: (value: string) => void;
  readonly bytes: () => Uint8Array;
}

export function byteWriter(): ByteWriter {
  const bytes: number[] = [];
  const number = (value: number): void => {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
  };
  return {
    number,
    word: (value) => bytes.push(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24),
    text(value) {
      const encoded = new TextEncoder().encode(value);
      number(encoded.length);
      for (const byte of encoded) bytes.push(byte);
    },
    bytes: () => Uint8Array.from(bytes),
  };
}

/** Reads what a writer wrote, in the same order; throws a RangeError where the bytes are none of a writer's. */
export interface ByteReader {
  readonly number: () => number;
  readonly word: () => number;
  readonly text: () => string;
  /** Nothing is left. */
  readonly atEnd: () => boolean;
}

export function byteReader(bytes: Uint8Array): ByteReader {
  let at = 0;
  const byte = (): number => {
    if (at >= bytes.length) throw new RangeError('the bytes end too early');
    return bytes[at++]!;
  };
  const number = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const next = byte();
      value += (next % 128) * factor;
      if (!Number.isSafeInteger(value)) throw new RangeError('a number is too large');
      if (next < 128) return value;
    }
  };
  return {
    number,
    word: () => (byte() | (byte() << 8) | (byte() << 16) | (byte() << 24)) >>> 0,
    text() {
      const length = number();
      if (length > bytes.length - at) throw new RangeError('the bytes end too early');
      at += length;
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at - length, at));
    },
    atEnd: () => at === bytes.length,
  };
}
