import { parentPort, workerData } from 'node:worker_threads';
import type { Choose } from '../../src/hardware/chooser.ts';
import { seededChooser, seedOf } from '../../src/hardware/chooser.ts';
import { type Cpu, resetCpu } from '../../src/hardware/cpu.ts';
import { buffered, drainSome } from '../../src/hardware/store-buffer/drain.ts';
import { attachMachine, cpuOf } from '../../src/hardware/system.ts';
import { issued } from '../../src/hardware/tlbi/dvm.ts';
import { applyUpTo } from '../../src/hardware/tlbi/maintenance.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { kernelText } from '../../src/kernel/text.ts';
import { interpret, memoryText, restore } from './small-program.ts';
import { ARRIVED, type CpuAssignment, GATE, type Rounds, type Seen, STOP } from './thread-cpus.ts';

/** One CPU of `openCpus`, on a thread of its own: runs each small program many times, together with the others. */
const { handle, id, gate } = workerData as CpuAssignment;
const machine = attachMachine(handle);
const { memory } = machine;
const kernel = createKernel(handle.board, handle.layout, DEFAULT_CONFIG, kernelText('6.18'));

/** How long a CPU dawdles at most, in turns of an empty loop; in each round one of them: others may come in between. */
const DAWDLES = [1, 30, 300, 3000] as const;
/** One time in this many it sleeps instead, for as many ms: others come in between even where there are few cores. */
const SLEEP_ONE_IN = 16;
const SLEEP_MS = 0.02;
/** Instructions between two times that it dawdles. */
const CREDIT = 3;
const SPINS = 3000;

let choose: Choose = seededChooser(id + 1);
const cpu = cpuOf(machine, id, {
  choose: (bound, kind) => choose(bound, kind),
  controlled: false,
  breathe: (self) => {
    self.credit = choose(CREDIT, 'noise');
    dawdle();
    if (buffered(self) > 0 && choose(3, 'drain') === 0) drainSome(self);
  },
});

parentPort!.on('message', (rounds: Rounds) => {
  try {
    parentPort!.postMessage(play(rounds));
  } catch (thrown) {
    Atomics.store(gate, STOP, 1);
    throw thrown;
  }
});
parentPort!.postMessage('ready');

function play({ program, rounds, seed, twist }: Rounds): Seen {
  choose = seededChooser(seedOf(seed, id));
  const registers: string[] = [];
  const memories: string[] = [];
  for (let round = 0; round < rounds; round++) {
    afresh(cpu);
    longest = DAWDLES[choose(DAWDLES.length, 'noise')]!;
    meet(program.length);
    const seen: number[] = [];
    dawdle();
    const { done, value } = interpret(cpu, kernel, program, seen, twist).next();
    if (done !== true) throw new Error(`CPU ${id} stopped at a ${value.kind}: ${value.reason}`);
    while (buffered(cpu) > 0) {
      dawdle();
      drainSome(cpu);
    }
    registers.push(seen.join(' '));
    meet(program.length);
    if (id !== 0) continue;
    memories.push(memoryText(memory, kernel));
    restore(memory, kernel);
  }
  return { registers, memories };
}

/** As after power-on. All CPUs are between two rounds. */
function afresh(self: Cpu): void {
  self.ownBroadcast.length = 0;
  self.ownLocal.length = 0;
  applyUpTo(self, issued(self.dvm));
  resetCpu(self);
  self.credit = choose(CREDIT, 'noise');
}

let longest = 0;
let nothing = 0;
function dawdle(): void {
  if (choose(SLEEP_ONE_IN, 'noise') === 0) Atomics.wait(gate, STOP, 0, SLEEP_MS);
  for (let turns = choose(longest, 'noise'); turns > 0; turns--) nothing = (nothing + turns) | 0;
}

/** Waits until all have come here, and goes on together with them. Throws when one of them has died. */
function meet(cpus: number): void {
  const before = Atomics.load(gate, GATE);
  if (Atomics.add(gate, ARRIVED, 1) === cpus - 1) {
    Atomics.store(gate, ARRIVED, 0);
    Atomics.add(gate, GATE, 1);
    Atomics.notify(gate, GATE);
    return;
  }
  for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(gate, GATE) !== before) return;
  while (Atomics.wait(gate, GATE, before, 100) === 'timed-out')
    if (Atomics.load(gate, STOP) !== 0) throw new Error('another CPU has died');
}
