import { attachInstructionMemory, type InstructionMemory, TEXT_WORDS } from './instruction-memory.ts';
import { type Layout, SHARED_PAGES } from './layout.ts';

/**
 * Physical memory behind one narrow door. RAM is as large as the board says, but only the frames of the kernel image
 * and of the page-table pool are backed; RAM nobody backs answers with a value derived from its physical address, so
 * that a wrong translation is always visible. Instructions and walkers reach shared words through this file only; a
 * weaker memory model would take its place here.
 */
export interface Memory {
  readonly buffer: SharedArrayBuffer;
  readonly words: BigUint64Array;
  readonly halves: Uint32Array;
  /** The whole buffer as 32-bit words: what waiting and waking speak of. */
  readonly int32: Int32Array;
  readonly control: Int32Array;
  readonly banks: readonly { readonly base: number; readonly end: number }[];
  readonly pageShift: number;
  readonly pageBytes: number;
  readonly imagePa: number;
  readonly imageBytes: number;
  readonly imageWord: number;
  readonly imageFrames: number;
  readonly poolPa: number;
  readonly poolBytes: number;
  readonly poolWord: number;
  readonly poolFrames: number;
  /** The first words of the kernel's text, which may change: stored through the fixmap, fetched by `fetchBranch`. */
  readonly textPa: number;
  readonly textWord: number;
  readonly text: InstructionMemory;
  /** Per frame: what it is (`FRAME_FREE`, `FRAME_TABLE`, `FRAME_DATA`, `FRAME_FREEING`). */
  readonly frameState: Int32Array;
  /** Per frame four words: `FRAME_PENDING`, `FRAME_GENERATION`, `FRAME_LEVEL`, `FRAME_ROOT`. */
  readonly frameMeta: Int32Array;
  /** Per frame: the virtual address that entry 0 of the table translates. */
  readonly frameVa: Float64Array;
  /** Of a realm, 1 + the number of each page that is shared with the host, in any order; 0: none (stage2.ts). */
  readonly sharedPages: Int32Array;
  /** Per frame 1 where this thread has written to it. Whoever puts a machine back as it was clears them. */
  readonly changedFrames: Uint8Array;
  /** Told of every access, for a scheduler that must know which steps depend on which. */
  watcher: MemoryWatcher | undefined;
}

/** `word`: index into the machine's 64-bit words. */
export interface MemoryWatcher {
  readonly read: (word: number) => void;
  readonly wrote: (word: number) => void;
}

export const FRAME_FREE = 0;
export const FRAME_TABLE = 1;
export const FRAME_DATA = 2;
/** Given back and being poisoned: nobody may have it yet. */
export const FRAME_FREEING = 3;

/** Words of `frameMeta`, four a frame. PENDING holds 1 + the CPU whose fill of the page is not yet visible, or 0. */
export const FRAME_PENDING = 0;
export const FRAME_GENERATION = 1;
export const FRAME_LEVEL = 2;
/** 1 + the frame of the root table this table hangs from; 0 while it hangs nowhere. */
export const FRAME_ROOT = 3;

/** Words of `control`, 16 a cache line. What every access polls, and what every trace record counts up, have their own. */
export const CONTROL_DVM_ISSUED = 32;
export const CONTROL_DVM_COMPLETED = 33;
export const CONTROL_STEP = 48;
export const CONTROL_ALLOC_CURSOR = 3;
export const CONTROL_ALLOCATED = 4;
export const CONTROL_PENDING_FILLS = 5;
export const CONTROL_HINT_CURSOR = 6;
export const CONTROL_EVENT = 7;
export const CONTROL_STOP = 8;
export const CONTROL_CHECK_LOCK = 9;
export const CONTROL_PAUSE = 10;
export const CONTROL_POWERED = 11;
export const CONTROL_VIOLATIONS = 12;
export const CONTROL_PEAK_ALLOCATED = 13;
export const CONTROL_ALLOC_ATTEMPTS = 14;

/** What SLUB writes into freed objects; read as a descriptor it leads nowhere. */
export const POISON_HALF = 0x6b6b6b6b;

/** What this file needs of the host's WebAssembly: shared memory of up to 4 GiB that is committed as it is touched. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => { readonly buffer: unknown };
};

/** A fresh buffer of `layout.totalBytes`, all zero. */
export function allocateBuffer(layout: Layout): SharedArrayBuffer {
  const pages = Math.ceil(layout.totalBytes / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return memory.buffer as SharedArrayBuffer;
}

/** Smallest page of the hosts we run on, in bytes. */
const HOST_PAGE_BYTES = 4096;

/**
 * Makes the host commit the page-table pool, whose contents stay: a board's RAM is there before the board has power, and a
 * host's first touch of a page (1.5 to 10 us here) would otherwise be part of the protocol that happens to be first.
 */
export function commitPool({ int32, poolWord, poolBytes }: Memory): void {
  const first = poolWord * 2;
  for (let at = first; at < first + poolBytes / 4; at += HOST_PAGE_BYTES / 4) Atomics.or(int32, at, 0);
}

export function attachMemory(
  buffer: SharedArrayBuffer,
  layout: Layout,
  banks: readonly { base: number; bytes: number }[],
): Memory {
  const pageBytes = 2 ** layout.pageShift;
  return {
    buffer,
    words: new BigUint64Array(buffer),
    halves: new Uint32Array(buffer),
    int32: new Int32Array(buffer),
    control: new Int32Array(buffer, layout.control, 64),
    banks: banks.map(({ base, bytes }) => ({ base, end: base + bytes })),
    pageShift: layout.pageShift,
    pageBytes,
    imagePa: layout.imagePa,
    imageBytes: layout.imageFrames * pageBytes,
    imageWord: layout.backing / 8,
    imageFrames: layout.imageFrames,
    poolPa: layout.poolPa,
    poolBytes: layout.poolFrames * pageBytes,
    poolWord: (layout.backing + layout.imageFrames * pageBytes) / 8,
    poolFrames: layout.poolFrames,
    textPa: layout.textPa,
    textWord: layout.text / 8,
    text: attachInstructionMemory(buffer, layout.text / 8, layout.cpuCount),
    frameState: new Int32Array(buffer, layout.frameState, layout.frames),
    frameMeta: new Int32Array(buffer, layout.frameMeta, layout.frames * 4),
    frameVa: new Float64Array(buffer, layout.frameVa, layout.frames),
    sharedPages: new Int32Array(buffer, layout.sharedPages, SHARED_PAGES),
    changedFrames: new Uint8Array(layout.frames),
    watcher: undefined,
  };
}

/** Index into `words` of the 64-bit word at `pa`, or -1 where nothing backs it. */
export function wordOf(memory: Memory, pa: number): number {
  let offset = pa - memory.poolPa;
  if (offset >= 0 && offset < memory.poolBytes) return memory.poolWord + Math.floor(offset / 8);
  offset = pa - memory.imagePa;
  if (offset >= 0 && offset < memory.imageBytes) return memory.imageWord + Math.floor(offset / 8);
  offset = pa - memory.textPa;
  if (offset >= 0 && offset < TEXT_WORDS * 8) return memory.textWord + Math.floor(offset / 8);
  return -1;
}

/** Number of the frame that holds `pa`, or -1. */
export function frameOf(memory: Memory, pa: number): number {
  let offset = pa - memory.poolPa;
  if (offset >= 0 && offset < memory.poolBytes) return memory.imageFrames + Math.floor(offset / memory.pageBytes);
  offset = pa - memory.imagePa;
  if (offset >= 0 && offset < memory.imageBytes) return Math.floor(offset / memory.pageBytes);
  return -1;
}

export function framePa(memory: Memory, frame: number): number {
  return frame < memory.imageFrames
    ? memory.imagePa + frame * memory.pageBytes
    : memory.poolPa + (frame - memory.imageFrames) * memory.pageBytes;
}

export function inRam(memory: Memory, pa: number): boolean {
  for (const bank of memory.banks) if (pa >= bank.base && pa < bank.end) return true;
  return false;
}

/** True for a word of a live page-table page: stores to it go through the store buffer. */
export function isTableWord(memory: Memory, pa: number): boolean {
  const frame = frameOf(memory, pa);
  return frame >= 0 && memory.frameState[frame] === FRAME_TABLE;
}

/** The 64-bit word at `pa`; derived from the address where nothing backs it. `pa`: 8-byte aligned. */
export function read(memory: Memory, pa: number): bigint {
  const word = wordOf(memory, pa);
  if (word < 0) return derivedValue(pa);
  memory.watcher?.read(word);
  return Atomics.load(memory.words, word);
}

/** Stores and returns what was there before. Only backed memory can be written. */
export function exchange(memory: Memory, pa: number, value: bigint): bigint {
  return Atomics.exchange(memory.words, backedWord(memory, pa), value);
}

export function compareExchange(memory: Memory, pa: number, expected: bigint, value: bigint): bigint {
  return Atomics.compareExchange(memory.words, backedWord(memory, pa), expected, value);
}

export function fetchAdd(memory: Memory, pa: number, value: bigint): bigint {
  return Atomics.add(memory.words, backedWord(memory, pa), value);
}

function backedWord(memory: Memory, pa: number): number {
  const word = wordOf(memory, pa);
  if (word < 0)
    throw new Error(`a store to physical ${pa.toString(16)}, which no frame backs: allocate the page first`);
  memory.changedFrames[(word - memory.imageWord) >> (memory.pageShift - 3)] = 1;
  memory.watcher?.wrote(word);
  return word;
}

/** Frame `frame` is written to, past the door. */
export function wroteFrame(memory: Memory, frame: number): void {
  memory.changedFrames[frame] = 1;
  memory.watcher?.wrote(memory.imageWord + (frame << (memory.pageShift - 3)));
}

/** What RAM that nobody backs holds at `pa`. */
export function derivedValue(pa: number): bigint {
  const low = Math.imul((pa | 0) ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  const high = Math.imul(Math.floor(pa / 2 ** 32) ^ low, 0x85ebca6b) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}

/**
 * The walker's side of the door: one single-copy-atomic 64-bit read. A plain element read of a BigUint64Array is one
 * 64-bit move on the 64-bit hosts we run on and five times faster than `Atomics.load`; walker reads need atomicity, not
 * order, and the order a walk needs (parent before child) is an address dependency. test/hardware/memory.test.ts looks
 * for torn reads.
 */
export interface WalkerPort {
  readonly halves: Uint32Array;
  /** `low` and `high` are the halves of `pa`: one region of memory spans at most two values of `high`. */
  fetch(pa: number, low: number, high: number): boolean;
  /** Set by `fetch` when it read something that is not an allocated table page; the reader clears it. */
  freedPa: number;
}

// Bound again because the compiler folds a module's own constants, and loads those that others may import.
const TABLE = FRAME_TABLE;
const PENDING_FILLS = CONTROL_PENDING_FILLS;

/** The address whose halves these are; worked out where it is asked for, which on a plain walk it never is. */
function addressOf(high: number, low: number): number {
  return high * 2 ** 32 + (low >>> 0);
}

/** `sees(frame)` decides whether this walker already sees a fill that its CPU has not yet made visible to everybody. */
export function walkerPort(memory: Memory, sees: (frame: number) => boolean): WalkerPort {
  const word64 = new BigUint64Array(1);
  const halves = new Uint32Array(word64.buffer);
  const { words, frameState, frameMeta, control, poolWord, imageWord, imageFrames } = memory;
  const { high: poolHigh, low: poolLow, count: poolWords } = wordsOf(memory.poolPa, memory.poolBytes);
  const { high: imageHigh, low: imageLow, count: imageWords } = wordsOf(memory.imagePa, memory.imageBytes);
  const frameShift = memory.pageShift - 3;
  const port: WalkerPort = {
    halves,
    freedPa: 0,
    fetch(_pa, low, high) {
      let frame: number;
      let above = high - poolHigh;
      let word = ((above << 29) + (low >>> 3) - poolLow) | 0;
      if ((above & ~1) === 0 && word >= 0 && word < poolWords) {
        word64[0] = words[poolWord + word]!;
        frame = imageFrames + (word >> frameShift);
      } else {
        above = high - imageHigh;
        word = ((above << 29) + (low >>> 3) - imageLow) | 0;
        if ((above & ~1) === 0 && word >= 0 && word < imageWords) {
          word64[0] = words[imageWord + word]!;
          frame = word >> frameShift;
        } else {
          port.freedPa = addressOf(high, low);
          word64[0] = derivedValue(port.freedPa);
          return inRam(memory, port.freedPa);
        }
      }
      if (frameState[frame] !== TABLE) port.freedPa = addressOf(high, low);
      if (control[PENDING_FILLS] !== 0 && frameMeta[frame * 4 + FRAME_PENDING] !== 0 && !sees(frame)) {
        halves[0] = POISON_HALF;
        halves[1] = POISON_HALF;
      }
      return true;
    },
  };
  return port;
}

/** A region of physical memory in 64-bit words: where it starts, as high half and word within 4 GiB, and how many. */
function wordsOf(pa: number, bytes: number): { high: number; low: number; count: number } {
  return { high: Math.floor(pa / 2 ** 32), low: (pa % 2 ** 32) / 8, count: bytes / 8 };
}
