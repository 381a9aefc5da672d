import { type TextMaintenance, textState } from '../hardware/memory/instruction-memory.ts';
import { CONTROL_ALLOC_CURSOR, CONTROL_PENDING_FILLS, type Memory } from '../hardware/memory/memory.ts';
import { buffered } from '../hardware/store-buffer/drain.ts';
import { runValue } from '../hardware/store-buffer/store-run.ts';
import type { Machine } from '../hardware/system.ts';
import {
  ahead,
  CPU_APPLIED,
  CPU_IRQ_PENDING,
  CPU_POWER,
  completed,
  type DvmRecord,
  issued,
} from '../hardware/tlbi/dvm.ts';
import { asidOf, descriptorOf, flagsOf, occupied, paOf, shiftOf, tagOf } from '../hardware/translation/tlb-entry.ts';
import { holdsTable } from '../hardware/translation/walk-cache.ts';
import type { Lane } from './lane.ts';

/**
 * A number for all that decides how a machine goes on and can be seen from outside: memory, what CPUs have cached, buffered
 * and not yet applied, their registers, and the point each stands before. What merely counts up is left out, and so is what
 * only an unasked-for walk would look at. What a program keeps in variables of its own cannot be seen. 53 bits.
 */
export function machineHash({ memory }: Machine, lanes: readonly Lane[]): number {
  const hash = new Hash();
  addMemory(hash, memory);
  for (const part of textState(memory)) hash.addAll(part);
  for (const lane of lanes) addLane(hash, lane);
  return hash.value();
}

function addMemory(hash: Hash, memory: Memory): void {
  const { changedFrames, control, frameState, frameMeta, sharedPages, buffer, imageWord, pageBytes, poolFrames } =
    memory;
  for (let frame = changedFrames.indexOf(1); frame >= 0; frame = changedFrames.indexOf(1, frame + 1)) {
    hash.add(frame);
    hash.addAll(new Int32Array(buffer, imageWord * 8 + frame * pageBytes, pageBytes / 4));
  }
  hash.addAll(frameState);
  hash.addAll(frameMeta);
  hash.addAll(sharedPages);
  hash.add((control[CONTROL_ALLOC_CURSOR]! >>> 0) % Math.max(1, poolFrames));
  hash.add(control[CONTROL_PENDING_FILLS]!);
}

function addLane(hash: Hash, lane: Lane): void {
  const { cpu, kernel, stack, at, begun, halted, refused, chart } = lane;
  const { dvm, words, stores, runs, walkCache, tlb } = cpu;
  hash.addText(JSON.stringify([at?.kind, at?.address, stack.length, begun, halted, refused, kernel.percpu]));
  if (at?.kind === 'wait') hash.addText(`${at.word} ${at.expected}`);
  hash.add(chart?.save() ?? 0);
  hash.addText(`${Object.values(cpu.sysregs)} ${cpu.asid} ${cpu.monitorWord} ${cpu.monitorValue} ${[...cpu.doubles]}`);
  for (const flag of [cpu.mmuOn, cpu.pan, cpu.irqMasked, cpu.eventRegister]) hash.add(flag ? 1 : 0);
  hash.add(words[CPU_IRQ_PENDING]!);
  hash.add(words[CPU_POWER]!);
  hash.add(ahead(issued(dvm), words[CPU_APPLIED]!));
  hash.add(ahead(issued(dvm), completed(dvm)));
  for (const records of [cpu.ownBroadcast, cpu.ownLocal]) hash.addText(records.map(recordText).join());
  hash.addText(cpu.ownText.map(maintenanceText).join());
  hash.add(buffered(cpu));
  for (let i = 0; i < stores.count[0]!; i++) hash.addText(`${stores.pa[i]} ${stores.value[i]} ${stores.isFill[i]}`);
  for (const run of runs) hash.addText(`${run.pa} ${run.count} ${runValue(run, 0)} ${run.stepBytes}`);
  for (let way = 0; way < tlb.entries; way++)
    if (occupied(tlb, way))
      hash.addText(
        `${way} ${[tagOf, paOf, shiftOf, asidOf, flagsOf, descriptorOf].map((part) => part(tlb, way)).join(' ')}`,
      );
  for (let i = 0; i < walkCache.entries; i++)
    if (holdsTable(walkCache, i)) hash.addText(`${walkCache.tag[i]} ${walkCache.tablePa[i]} ${walkCache.kind[i]}`);
}

const maintenanceText = ({ operation, index, unified }: TextMaintenance): string => `${operation} ${index} ${unified}`;
const recordText = ({ flags, start, end, asid }: DvmRecord): string => `${flags} ${start} ${end} ${asid}`;

class Hash {
  #low = 0x9e3779b9;
  #high = 0x85ebca6b;

  add(x: number): void {
    this.#low = Math.imul(this.#low ^ x, 0xcc9e2d51);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ x, 0x1b873593) + 0x52dce729;
    this.#high ^= this.#high >>> 13;
  }

  addAll(words: Int32Array): void {
    for (let i = 0; i < words.length; i++) this.add(words[i]!);
  }

  addText(text: string): void {
    this.add(text.length);
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
  }

  value(): number {
    return (this.#high & 0x1f_ffff) * 2 ** 32 + (this.#low >>> 0);
  }
}
