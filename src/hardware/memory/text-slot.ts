import { CPU_TEXT_BYTES, type Layout, STATE_TEXT_BYTES } from './layout.ts';
import type { Memory } from './memory.ts';

/**
 * Two short texts a CPU shows to whoever watches from another thread: the state of its chart, and what it waits for. A
 * CPU that sleeps in a wait can send no message; its texts can still be read.
 */
export interface TextSlots {
  readonly state: Uint8Array;
  readonly waiting: Uint8Array;
}

export function attachTextSlots(memory: Memory, layout: Layout, cpu: number): TextSlots {
  const base = layout.texts + cpu * CPU_TEXT_BYTES;
  return {
    state: new Uint8Array(memory.buffer, base, STATE_TEXT_BYTES),
    waiting: new Uint8Array(memory.buffer, base + STATE_TEXT_BYTES, CPU_TEXT_BYTES - STATE_TEXT_BYTES),
  };
}

/** Writes at most as many characters as fit; characters beyond Latin-1 become '?'. */
export function writeText(slot: Uint8Array, text: string): void {
  const length = Math.min(text.length, slot.length);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    slot[i] = code < 256 ? code : 63;
  }
  if (length < slot.length) slot[length] = 0;
}

export function readText(slot: Uint8Array): string {
  let text = '';
  for (const code of slot) {
    if (code === 0) break;
    text += String.fromCharCode(code);
  }
  return text;
}
