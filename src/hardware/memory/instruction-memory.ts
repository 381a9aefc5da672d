import { isBranch } from '../../arch/instruction.ts';
import type { Memory } from './memory.ts';

/**
 * Text that changes while it runs: a few words of the kernel's, each NOP or B, and what instruction fetches may make of them.
 * Loads and stores see memory itself. A fetch sees the instruction cache of its CPU, which is filled from the point of
 * unification, which lies behind the data caches; and a CPU may have fetched an instruction any time since it last
 * synchronised its context. DDI 0487, B2.2.5 and B2.7.4.2; Simner et al., "ARMv8-A System Semantics: Instruction Fetch in
 * Relaxed Architectures" (ESOP 2020), whose abstract caches, too, hold any number of values for one address.
 *
 * So of each word there are sets of values, one bit each, that only maintenance makes smaller:
 * - at the point of unification: what was stored since a DC CVAU of it that a DSB has completed;
 * - in a CPU's instruction cache: what was at the point of unification since an IC IVAU that a DSB has completed;
 * - fetched by a CPU: what was in its cache since its last ISB, or exception entry or return.
 * Which value of a set it is, is decided when the instruction is executed, each time anew: these caches need not be coherent.
 */
export interface InstructionMemory {
  readonly cpuCount: number;
  /** By word: which values are at the point of unification, and how often the word was stored to. */
  readonly unified: Int32Array;
  readonly stored: Int32Array;
  /** By CPU, then by word, two half-words apart: `CACHED` of the values, and `FETCHED`. */
  readonly copies: Int32Array;
  /** The 64-bit word of the machine that `copies` starts at. */
  readonly copiesWord: number;
}

/** Words of text that may change. */
export const TEXT_WORDS = 2;

/** Bytes of the machine's buffer for all this. */
export function instructionMemoryBytes(cpuCount: number): number {
  return (TEXT_WORDS * 2 + cpuCount * TEXT_WORDS) * 8;
}

/** A value as a bit of a set: a word holds NOP or B, and nothing else. */
const bitOf = (word: bigint): number => (isBranch(word) ? 2 : 1);
const VALUES = 3;
/** `copies` has the cached values in bits 1:0, and in 3:2 those that may have been fetched. */
const FETCHED_SHIFT = 2;

/** `textWord`: the 64-bit word of the machine where the words of text lie, and behind them all this. */
export function attachInstructionMemory(
  buffer: SharedArrayBuffer,
  textWord: number,
  cpuCount: number,
): InstructionMemory {
  const states = (textWord + TEXT_WORDS) * 8;
  const copiesWord = textWord + 2 * TEXT_WORDS;
  return {
    cpuCount,
    unified: new Int32Array(buffer, states, TEXT_WORDS),
    stored: new Int32Array(buffer, states + TEXT_WORDS * 4, TEXT_WORDS),
    copies: new Int32Array(buffer, copiesWord * 8, cpuCount * TEXT_WORDS * 2),
    copiesWord,
  };
}

/** Which of the words that may change lies at `pa`; -1: none. */
export function textIndex({ textPa }: Memory, pa: number): number {
  const index = (pa - textPa) / 8;
  return index >= 0 && index < TEXT_WORDS ? Math.floor(index) : -1;
}

function copyAt(cpu: number, index: number): number {
  return (cpu * TEXT_WORDS + index) * 2;
}

/** The loader: `word` everywhere, in memory as in all caches. */
export function loadText({ words, textWord, text }: Memory, index: number, word: bigint): void {
  const { unified, copies, cpuCount } = text;
  words[textWord + index] = word;
  unified[index] = bitOf(word);
  for (let cpu = 0; cpu < cpuCount; cpu++) copies[copyAt(cpu, index)] = bitOf(word) | (bitOf(word) << FETCHED_SHIFT);
}

/** A store of `word` is visible: from now on it may come to the point of unification, and so to every CPU, by itself. */
export function textStored({ text }: Memory, index: number, word: bigint): void {
  const { unified, stored, copies, cpuCount } = text;
  const bit = bitOf(word);
  Atomics.add(stored, index, 1);
  Atomics.or(unified, index, bit);
  for (let cpu = 0; cpu < cpuCount; cpu++) Atomics.or(copies, copyAt(cpu, index), bit | (bit << FETCHED_SHIFT));
}

/** A maintenance operation that no DSB has completed. */
export interface TextMaintenance {
  readonly operation: 'clean' | 'invalidate';
  readonly index: number;
  /** How often the word had been stored to. */
  readonly stored: number;
  /** What was at the point of unification. */
  readonly unified: number;
}

export function beginMaintenance(
  memory: Memory,
  operation: TextMaintenance['operation'],
  index: number,
): TextMaintenance {
  const { stored, unified } = memory.text;
  memory.watcher?.read(memory.textWord + index);
  return { operation, index, stored: stored[index]!, unified: unified[index]! };
}

/**
 * A DSB has completed the operation. Had the word been stored to meanwhile, nobody could tell which value a clean has left
 * at the point of unification: then it leaves all. An invalidation takes effect at its own moment on each CPU, after which the
 * cache may have been filled again; so what was at the point of unification at the beginning, or was stored since, stays.
 */
export function completeMaintenance(memory: Memory, done: TextMaintenance): void {
  const { unified, stored, copies, copiesWord, cpuCount } = memory.text;
  const { index } = done;
  const word = memory.textWord + index;
  const unchanged = Atomics.load(stored, index) === done.stored;
  if (done.operation === 'clean') {
    memory.watcher?.wrote(word);
    if (unchanged) Atomics.store(unified, index, bitOf(memory.words[word]!));
    return;
  }
  memory.watcher?.read(word);
  const left = unchanged ? done.unified : VALUES;
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    memory.watcher?.wrote(copiesWord + cpu * TEXT_WORDS + index);
    Atomics.and(copies, copyAt(cpu, index), left | (VALUES << FETCHED_SHIFT));
  }
}

/** A context synchronisation event of the CPU (ISB, exception entry and return): what it has fetched is discarded. */
export function refetch(memory: Memory, cpu: number): void {
  const { copies, copiesWord } = memory.text;
  for (let index = 0; index < TEXT_WORDS; index++) {
    const at = copyAt(cpu, index);
    memory.watcher?.read(copiesWord + cpu * TEXT_WORDS + index);
    for (let copy = copies[at]!; ; ) {
      const cached = copy & VALUES;
      const fresh = cached | (cached << FETCHED_SHIFT);
      if (copy === fresh) break;
      memory.watcher?.wrote(copiesWord + cpu * TEXT_WORDS + index);
      const before = Atomics.compareExchange(copies, at, copy, fresh);
      if (before === copy) break;
      copy = before;
    }
  }
}

/** The CPU may still execute another instruction here than memory holds. */
export function mayBeStale(memory: Memory, cpu: number, index: number): boolean {
  const { copies, copiesWord } = memory.text;
  memory.watcher?.read(copiesWord + cpu * TEXT_WORDS + index);
  const copy = Atomics.load(copies, copyAt(cpu, index));
  return ((copy | (copy >> FETCHED_SHIFT)) & VALUES) === VALUES;
}

/** All that decides how fetches go on. */
export function textState({ buffer, textWord, text }: Memory): Int32Array[] {
  return [new Int32Array(buffer, textWord * 8, TEXT_WORDS * 2), text.unified, text.copies];
}
