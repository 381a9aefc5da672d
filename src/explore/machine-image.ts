import { CONTROL_ROOTS_EPOCH } from '../hardware/cpu.ts';
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
