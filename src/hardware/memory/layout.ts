import { type Board, kernelImageEnd } from '../board/board.ts';
import { instructionMemoryBytes } from './instruction-memory.ts';

/**
 * Where everything of one machine lies in its one shared buffer. All offsets are in bytes and 64-byte aligned; nobody
 * else computes one. A machine is therefore one buffer: copying the bytes copies the machine.
 */
export interface Layout {
  readonly totalBytes: number;
  readonly cpuCount: number;
  readonly control: number;
  readonly dvmLog: number;
  readonly dvmLogRecords: number;
  /** Per CPU, `CPU_WORDS` 32-bit words: status, interrupt, hazard ... */
  readonly cpuWords: number;
  /** Per CPU, `CPU_DOUBLES` 64-bit floats: translation roots and what the CPU waits for. */
  readonly cpuDoubles: number;
  readonly counters: number;
  readonly trace: number;
  readonly traceRecords: number;
  /** Per CPU columns of the TLB, the walk cache and the store buffer; sizes follow the CPU's model. */
  readonly tlb: readonly number[];
  readonly walkCache: readonly number[];
  readonly storeBuffer: readonly number[];
  /** Per CPU, `CPU_TEXT_BYTES` of Latin-1: the state of its chart, then what it waits for. */
  readonly texts: number;
  /** The machine's milestones, in order: one word each. */
  readonly markLog: number;
  readonly markTimes: number;
  readonly markRecords: number;
  readonly hints: number;
  readonly hintRecords: number;
  /** State of the checks that all CPUs share (pending invalidations). */
  readonly checks: number;
  readonly checksBytes: number;
  /** Text that may change, and what CPUs have fetched of it (instruction-memory.ts). */
  readonly text: number;
  readonly textPa: number;
  /** Pages that a realm shares with its host, one word each. */
  readonly sharedPages: number;
  readonly frameState: number;
  readonly frameMeta: number;
  readonly frameVa: number;
  readonly frames: number;
  /** Backing store of the frames, in frame order: first the kernel image's, then the pool's. */
  readonly backing: number;
  readonly pageShift: number;
  readonly imagePa: number;
  readonly imageFrames: number;
  readonly poolPa: number;
  readonly poolFrames: number;
}

export const CONTROL_WORDS = 64;
export const CPU_WORDS = 32;
export const CPU_DOUBLES = 16;
export const COUNTER_SLOTS = 32;
export const STATE_TEXT_BYTES = 96;
export const CPU_TEXT_BYTES = 256;
export const DVM_RECORD_BYTES = 32;
export const TRACE_RECORD_BYTES = 40;
export const TLB_ENTRY_BYTES = 64;
export const WALK_CACHE_ENTRY_BYTES = 32;
export const STORE_BUFFER_ENTRY_BYTES = 24;
/** Doubles a frame: the virtual address its entries start at. */
export const FRAME_META_WORDS = 4;

/** Kernel words and root tables live in the frames behind the kernel image: this many. */
export const IMAGE_FRAMES = 24;

/** Pages that a realm can share at a time. */
export const SHARED_PAGES = 64;

const LINE_BYTES = 64;
const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** `poolFrames`: page-table pages the machine can hand out. `dvmLogRecords` and `traceRecords`: powers of two. */
export function layoutOf(
  board: Board,
  poolFrames: number,
  size: { dvmLogRecords?: number; traceRecords?: number; checksBytes?: number } = {},
): Layout {
  const pageShift = { '4K': 12, '16K': 14, '64K': 16 }[board.granule];
  const pageBytes = 2 ** pageShift;
  const cpuCount = board.cpus.length;
  const dvmLogRecords = size.dvmLogRecords ?? 4096;
  const traceRecords = size.traceRecords ?? 512;
  const checksBytes = size.checksBytes ?? 64 * 1024;
  const frames = IMAGE_FRAMES + poolFrames;

  let end = 0;
  const region = (bytes: number): number => {
    const at = end;
    end = roundUp(end + bytes, LINE_BYTES);
    return at;
  };
  const perCpu = (bytes: (cpu: Board['cpus'][number]) => number): number[] =>
    board.cpus.map((cpu) => region(bytes(cpu)));

  const control = region(CONTROL_WORDS * 4);
  const dvmLog = region(dvmLogRecords * DVM_RECORD_BYTES);
  const cpuWords = region(cpuCount * CPU_WORDS * 4);
  const cpuDoubles = region(cpuCount * CPU_DOUBLES * 8);
  const counters = region(cpuCount * COUNTER_SLOTS * 8);
  const trace = region(cpuCount * (traceRecords * TRACE_RECORD_BYTES + 8));
  const tlb = perCpu((cpu) => cpu.tlb.entries * TLB_ENTRY_BYTES);
  const walkCache = perCpu((cpu) => cpu.walkCache.entries * WALK_CACHE_ENTRY_BYTES);
  const storeBuffer = perCpu((cpu) => cpu.storeBuffer.entries * STORE_BUFFER_ENTRY_BYTES + 8);
  const texts = region(cpuCount * CPU_TEXT_BYTES);
  const markRecords = 16384 + cpuCount * 64;
  const markLog = region(markRecords * 4);
  const markTimes = region(markRecords * 8);
  const hintRecords = 16;
  const hints = region(hintRecords * 8);
  const checks = region(checksBytes);
  const text = region(instructionMemoryBytes(cpuCount));
  const sharedPages = region(SHARED_PAGES * 4);
  const frameState = region(frames * 4);
  const frameMeta = region(frames * FRAME_META_WORDS * 4);
  const frameVa = region(frames * 8);
  const backing = roundUp(end, 64 * 1024);
  const poolPa = poolPlace(board, poolFrames * pageBytes);
  if (poolPa === undefined)
    throw new RangeError(`no range of RAM has room for ${poolFrames} page-table pages beside the kernel image`);

  return {
    totalBytes: backing + frames * pageBytes,
    cpuCount,
    control,
    dvmLog,
    dvmLogRecords,
    cpuWords,
    cpuDoubles,
    counters,
    trace,
    traceRecords,
    tlb,
    walkCache,
    storeBuffer,
    texts,
    markLog,
    markTimes,
    markRecords,
    hints,
    hintRecords,
    checks,
    checksBytes,
    text,
    textPa: board.kernelImage.pa,
    sharedPages,
    frameState,
    frameMeta,
    frameVa,
    frames,
    backing,
    pageShift,
    imagePa: imageFramesPa(board, pageBytes),
    imageFrames: IMAGE_FRAMES,
    poolPa,
    poolFrames,
  };
}

/** Where `bytes` of page-table pages fit: at the top of the highest bank that has room for them above the kernel image. */
export function poolPlace(board: Pick<Board, 'memory' | 'kernelImage'>, bytes: number): number | undefined {
  const imageEnd = kernelImageEnd(board.kernelImage);
  for (const bank of board.memory.toReversed()) {
    const end = bank.base + bank.bytes;
    const holdsImage = board.kernelImage.pa >= bank.base && board.kernelImage.pa < end;
    if (end - bytes >= (holdsImage ? imageEnd : bank.base)) return end - bytes;
  }
  return undefined;
}

/** The image's backed frames start where its initialised data does, after text, rodata and init. */
function imageFramesPa(board: Board, pageBytes: number): number {
  const { pa, textBytes, rodataBytes, initBytes } = board.kernelImage;
  return roundUp(pa + textBytes + rodataBytes + initBytes, pageBytes);
}
