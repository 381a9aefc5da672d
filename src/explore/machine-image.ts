import { CONTROL_ROOTS_EPOCH } from '../hardware/cpu.ts';
import type { Memory } from '../hardware/memory/memory.ts';
import type { Machine } from '../hardware/system.ts';
import { attachTrace } from '../hardware/trace.ts';

/**
 * A machine as it was: its bytes, to be put back many thousand times a second. Only frames that were written since are
 * copied; records of traces and marks stay, for their counts alone say what of them holds.
 */
export interface MachineImage {
  readonly regions: readonly { readonly live: Uint8Array; readonly saved: Uint8Array }[];
  readonly frames: readonly { readonly live: Uint8Array; readonly saved: Uint8Array }[];
  readonly heads: readonly { readonly live: Int32Array; readonly saved: number }[];
}

export function saveMachine({ memory, layout }: Machine): MachineImage {
  const { buffer, changedFrames, pageBytes } = memory;
  const part = (start: number, end: number) => {
    const live = new Uint8Array(buffer, start, end - start);
    return { live, saved: live.slice() };
  };
  changedFrames.fill(0);
  return {
    regions: [part(0, layout.trace), part(layout.tlb[0]!, layout.texts), part(layout.hints, layout.backing)],
    frames: Array.from(changedFrames, (_, frame) =>
      part(layout.backing + frame * pageBytes, layout.backing + (frame + 1) * pageBytes),
    ),
    heads: Array.from({ length: layout.cpuCount }, (_, cpu) => {
      const live = attachTrace(memory, layout, cpu).head;
      return { live, saved: live[0]! };
    }),
  };
}

export function restoreMachine({ memory }: Machine, image: MachineImage): void {
  const { changedFrames, control } = memory;
  // Whoever remembers which epoch it has looked at must never meet one again with other roots.
  const epoch = control[CONTROL_ROOTS_EPOCH]!;
  for (const { live, saved } of image.regions) live.set(saved);
  for (const { live, saved } of image.heads) live[0] = saved;
  control[CONTROL_ROOTS_EPOCH] = epoch + 1;
  for (let frame = changedFrames.indexOf(1); frame >= 0; frame = changedFrames.indexOf(1, frame + 1)) {
    image.frames[frame]!.live.set(image.frames[frame]!.saved);
    changedFrames[frame] = 0;
  }
}

/** Compares what was written since the image was taken with what it was at another time, byte for byte. */
export interface Remembered {
  readonly frames: readonly { readonly frame: number; readonly words: Int32Array }[];
  readonly states: Int32Array;
  readonly shared: Int32Array;
}

export function remember({ memory }: Machine): Remembered {
  const { changedFrames, frameState, sharedPages } = memory;
  const frames: { frame: number; words: Int32Array }[] = [];
  for (let frame = changedFrames.indexOf(1); frame >= 0; frame = changedFrames.indexOf(1, frame + 1))
    frames.push({ frame, words: wordsOf(memory, frame).slice() });
  return { frames, states: frameState.slice(), shared: sharedPages.slice() };
}

/** Memory holds what it held then: the same frames were written, with the same words, and the same are allocated. */
export function isAsRemembered({ memory }: Machine, { frames, states, shared }: Remembered): boolean {
  const { changedFrames, frameState, sharedPages } = memory;
  let next = 0;
  for (let frame = changedFrames.indexOf(1); frame >= 0; frame = changedFrames.indexOf(1, frame + 1)) {
    const then = frames[next++];
    if (then === undefined || then.frame !== frame || !isEqual(wordsOf(memory, frame), then.words)) return false;
  }
  return next === frames.length && isEqual(frameState, states) && isEqual(sharedPages, shared);
}

function wordsOf({ buffer, imageWord, pageBytes }: Memory, frame: number): Int32Array {
  return new Int32Array(buffer, imageWord * 8 + frame * pageBytes, pageBytes / 4);
}

function isEqual(a: Int32Array, b: Int32Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
