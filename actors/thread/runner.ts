import type { Cpu } from '../../src/hardware/cpu.ts';
import { interruptDue } from '../../src/hardware/interrupt.ts';
import { CONTROL_PAUSE, CONTROL_STOP } from '../../src/hardware/memory/memory.ts';
import { type TextSlots, writeText } from '../../src/hardware/memory/text-slot.ts';
import type { Op, Point } from '../../src/hardware/op.ts';
import { CPU_STATUS } from '../../src/hardware/tlbi/dvm.ts';
import { speculate } from '../../src/hardware/translation/speculation.ts';
import { STATUS_HALTED, STATUS_RUNNING, STATUS_WAITING } from './protocol.ts';

/** How stepping a program ended. */
export type Stepped = 'finished' | 'interrupted' | 'halted' | 'stopped';

/** Thrown out of a program whose machine was told to stop; the program is dropped where it stands. */
const STOPPED = Symbol('stopped');

/** Instructions between two looks at the control words, on average. */
const CREDIT = 48;
/** Polls before a waiting CPU goes to sleep: a spinning hand-over is 400 times cheaper than waking a thread. */
const SPINS = 200;
/** Most speculative walks a CPU makes when it starts to wait. */
const IDLE_WALKS = 4;

/** What a CPU on threads does now and then: control words, speculation, noise in time. */
export function breatheOf(noisy: boolean): (cpu: Cpu) => void {
  return (cpu) => {
    cpu.credit = 1 + cpu.choose(2 * CREDIT, 'noise');
    obeyControl(cpu);
    speculate(cpu);
    // Now and then a CPU is held up for a moment, as by a slow bus or a hypervisor.
    if (noisy && cpu.choose(64, 'noise') === 63)
      Atomics.wait(cpu.memory.control, CONTROL_STOP, 0, cpu.choose(3, 'noise') / 10);
  };
}

/** Word of `memory.control`: how many CPUs are in a long burst. */
const CONTROL_BURSTS = 19;

/**
 * Turns for long bursts. With many more CPUs than cores, everybody bursting at once leaves the compilers of the engine
 * no processor, and all of them crawl in the interpreter; a few at a time are many times faster.
 */
export function turnsOf(control: Int32Array, atOnce: number): { begin(): void; end(): void } {
  let holding = false;
  return {
    begin() {
      for (;;) {
        const busy = Atomics.load(control, CONTROL_BURSTS);
        if (Atomics.load(control, CONTROL_STOP) !== 0) throw STOPPED;
        if (busy >= atOnce) Atomics.wait(control, CONTROL_BURSTS, busy, 100);
        else if (Atomics.compareExchange(control, CONTROL_BURSTS, busy, busy + 1) === busy) break;
      }
      holding = true;
    },
    end() {
      if (!holding) return;
      holding = false;
      Atomics.sub(control, CONTROL_BURSTS, 1);
      Atomics.notify(control, CONTROL_BURSTS, 1);
    },
  };
}

/** While a DSB waits for another CPU: give up the processor after a while, and obey the control words. */
export function relaxOf(memory: { readonly control: Int32Array }): (spins: number) => void {
  return (spins) => {
    if (spins % 1000 !== 0) return;
    if (Atomics.load(memory.control, CONTROL_STOP) !== 0) throw STOPPED;
    Atomics.wait(memory.control, CONTROL_STOP, 0, 0.1);
  };
}

function obeyControl(cpu: Cpu): void {
  const { control } = cpu.memory;
  if (Atomics.load(control, CONTROL_STOP) !== 0) throw STOPPED;
  while (Atomics.load(control, CONTROL_PAUSE) !== 0) {
    Atomics.wait(control, CONTROL_PAUSE, 1, 100);
    if (Atomics.load(control, CONTROL_STOP) !== 0) throw STOPPED;
  }
}

/** Steps a program until it ends, an interrupt is due (and to be acknowledged), the CPU halts, or the machine stops. */
export function step(cpu: Cpu, program: Op, texts: TextSlots, sliceMs: number): Stepped {
  try {
    for (;;) {
      const { done, value } = program.next();
      if (done) return 'finished';
      if (typeof value?.kind !== 'string')
        throw new TypeError('a program yielded something: it may only yield* operations');
      if (value.kind === 'halt') {
        Atomics.store(cpu.words, CPU_STATUS, STATUS_HALTED);
        writeText(texts.waiting, value.reason);
        return 'halted';
      }
      if (value.kind === 'wait') sleep(cpu, value, texts, sliceMs);
      if (interruptDue(cpu)) return 'interrupted';
    }
  } catch (thrown) {
    if (thrown === STOPPED) return 'stopped';
    throw thrown;
  }
}

/** Blocks until the word no longer holds what it held, or an interrupt is due. */
function sleep(cpu: Cpu, point: Point, texts: TextSlots, sliceMs: number): void {
  const { int32 } = cpu.memory;
  const { word, expected } = point;
  for (let spins = 0; spins < SPINS; spins++) if (word >= 0 && int32[word] !== expected) return;
  writeText(texts.waiting, point.reason);
  Atomics.store(cpu.words, CPU_STATUS, STATUS_WAITING);
  for (let walks = cpu.choose(IDLE_WALKS, 'speculate'); walks > 0; walks--) speculate(cpu);
  for (;;) {
    obeyControl(cpu);
    const woken = word < 0 ? 'ok' : Atomics.wait(int32, word, expected, sliceMs);
    if (woken !== 'timed-out' || interruptDue(cpu)) break;
    for (let walks = 0; walks < IDLE_WALKS; walks++) speculate(cpu); // a sleeping CPU's walker may still be at work
  }
  Atomics.store(cpu.words, CPU_STATUS, STATUS_RUNNING);
}
