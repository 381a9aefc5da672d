import {
  CONTROL_ALLOC_CURSOR,
  CONTROL_ALLOCATED,
  CONTROL_PEAK_ALLOCATED,
  CONTROL_PENDING_FILLS,
  FRAME_DATA,
  FRAME_FREE,
  FRAME_FREEING,
  FRAME_GENERATION,
  FRAME_LEVEL,
  FRAME_PENDING,
  FRAME_ROOT,
  FRAME_TABLE,
  frameOf,
  framePa,
  type Memory,
  POISON_HALF,
  wordOf,
  wroteFrame,
} from './memory.ts';

/** Frames: who owns a backed page of memory. Freed frames are poisoned and carry a generation. */

/** Physical address of a fresh frame, from the top of RAM downwards as memblock does; -1 when the pool is empty. */
export function allocateFrame(memory: Memory, kind: typeof FRAME_TABLE | typeof FRAME_DATA): number {
  const { frameState, control, poolFrames, imageFrames } = memory;
  for (let tried = 0; tried < poolFrames; tried++) {
    const ticket = Atomics.add(control, CONTROL_ALLOC_CURSOR, 1) >>> 0;
    const frame = imageFrames + poolFrames - 1 - (ticket % poolFrames);
    if (frameState[frame] !== FRAME_FREE) continue;
    if (Atomics.compareExchange(frameState, frame, FRAME_FREE, kind) !== FRAME_FREE) continue;
    notePeak(control, Atomics.add(control, CONTROL_ALLOCATED, 1) + 1);
    return framePa(memory, frame);
  }
  return -1;
}

function notePeak(control: Int32Array, allocated: number): void {
  let peak = Atomics.load(control, CONTROL_PEAK_ALLOCATED);
  while (allocated > peak) {
    const before = Atomics.compareExchange(control, CONTROL_PEAK_ALLOCATED, peak, allocated);
    if (before === peak) return;
    peak = before;
  }
}

function hangsNowhere(memory: Memory, frame: number): void {
  memory.frameMeta[frame * 4 + FRAME_LEVEL] = -1;
  memory.frameMeta[frame * 4 + FRAME_ROOT] = 0;
}

/** Poisons the frame and gives it back. Whoever still walks it reads poison, and is noticed. */
export function freeFrame(memory: Memory, pa: number): void {
  const frame = frameOf(memory, pa);
  const { frameState } = memory;
  const kind = frame < memory.imageFrames ? FRAME_FREE : frameState[frame]!;
  const owned = kind === FRAME_TABLE || kind === FRAME_DATA;
  if (!owned || Atomics.compareExchange(frameState, frame, kind, FRAME_FREEING) !== kind)
    throw new Error(`freeing physical ${pa.toString(16)}, which is not an allocated frame of the pool`);
  clearPending(memory, frame);
  hangsNowhere(memory, frame);
  Atomics.add(memory.frameMeta, frame * 4 + FRAME_GENERATION, 1);
  fillFrame(memory, framePa(memory, frame), POISON_HALF, POISON_HALF);
  Atomics.sub(memory.control, CONTROL_ALLOCATED, 1);
  Atomics.store(frameState, frame, FRAME_FREE); // pairs with the compareExchange in allocateFrame: poisoned before reuse
}

/** Claims an image frame (a root table, the kernel's words) at boot. */
export function claimImageFrame(memory: Memory, index: number, kind: typeof FRAME_TABLE | typeof FRAME_DATA): number {
  if (index >= memory.imageFrames) throw new Error(`the image has no frame ${index}`);
  memory.frameState[index] = kind;
  hangsNowhere(memory, index);
  return framePa(memory, index);
}

/** Every word of the frame becomes `hi:lo`. A tight loop: nobody else may be able to reach the frame. */
export function fillFrame(memory: Memory, pa: number, lo: number, hi: number): void {
  const first = wordOf(memory, pa) * 2;
  const { halves } = memory;
  wroteFrame(memory, frameOf(memory, pa));
  const end = first + memory.pageBytes / 4;
  for (let i = first; i < end; i += 2) {
    halves[i] = lo;
    halves[i + 1] = hi;
  }
}

/** The table at `pa` now hangs in the tree of `rootPa`, at `level`, and translates from `va` on. */
export function placeTable(memory: Memory, pa: number, level: number, va: number, rootPa: number): void {
  const frame = frameOf(memory, pa);
  memory.watcher?.wrote(memory.imageWord + (frame << (memory.pageShift - 3)));
  memory.frameVa[frame] = va;
  memory.frameMeta[frame * 4 + FRAME_LEVEL] = level;
  memory.frameMeta[frame * 4 + FRAME_ROOT] = 1 + frameOf(memory, rootPa);
}

/** How often the frame has been freed; -1 while it is no allocated table. */
export function tableGeneration({ frameState, frameMeta }: Memory, frame: number): number {
  if (frame < 0 || Atomics.load(frameState, frame) !== FRAME_TABLE) return -1;
  return Atomics.load(frameMeta, frame * 4 + FRAME_GENERATION);
}

/** Marks that `cpu` filled the frame with plain stores that need not be visible to walkers yet. */
export function setPending(memory: Memory, frame: number, cpu: number): void {
  const before = Atomics.exchange(memory.frameMeta, frame * 4 + FRAME_PENDING, cpu + 1);
  if (before === 0) Atomics.add(memory.control, CONTROL_PENDING_FILLS, 1);
}

/** The fill of the frame is visible to everybody from here on. */
export function clearPending(memory: Memory, frame: number): void {
  const before = Atomics.exchange(memory.frameMeta, frame * 4 + FRAME_PENDING, 0);
  if (before === 0) return;
  Atomics.sub(memory.control, CONTROL_PENDING_FILLS, 1);
  memory.watcher?.wrote(memory.imageWord + (frame << (memory.pageShift - 3)));
}

export function isPending(memory: Memory, pa: number): boolean {
  const frame = frameOf(memory, pa);
  return frame >= 0 && memory.frameMeta[frame * 4 + FRAME_PENDING] !== 0;
}

/** Number of allocated pool frames now, and at most so far. */
export function allocatedFrames(memory: Memory): { now: number; peak: number } {
  return {
    now: Atomics.load(memory.control, CONTROL_ALLOCATED),
    peak: Atomics.load(memory.control, CONTROL_PEAK_ALLOCATED),
  };
}

export { FRAME_DATA, FRAME_FREE, FRAME_TABLE };
