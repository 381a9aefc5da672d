import { workerData } from 'node:worker_threads';
import { RIGHT_EL1_READ } from '../../src/arch/permission.ts';
import { read, wordOf } from '../../src/hardware/memory/memory.ts';
import { attachMachine } from '../../src/hardware/system.ts';
import { completed } from '../../src/hardware/tlbi/dvm.ts';
import { catchUp, overtaken } from '../../src/hardware/tlbi/maintenance.ts';
import { enterHazard, leaveHazard, translateOnce } from '../../src/hardware/translation/access.ts';
import { type Assignment, LEFT, READY, REDONE, ROUNDS, STOP, WRONG } from './second-thread.ts';
import { powerOn } from './small-machine.ts';

/** The second thread of a test: see second-thread.ts. */
const { task, handle, signals } = workerData as Assignment;
const machine = attachMachine(handle);

function alternate(pa: number, patterns: readonly [bigint, bigint]): void {
  const { words } = machine.memory;
  const word = wordOf(machine.memory, pa);
  for (let i = 0; Atomics.load(signals, STOP) === 0; i++) Atomics.store(words, word, patterns[i & 1]!);
}

function readThroughTlb(root: number, va: number, wrong: bigint, lookAgain: boolean): void {
  const cpu = powerOn(machine, root, 1, { chances: { deliver: 1 } });
  let pause = 0;
  Atomics.store(signals, READY, 1);
  while (Atomics.load(signals, STOP) === 0) {
    catchUp(cpu);
    const pa = translateOnce(cpu, va, RIGHT_EL1_READ);
    for (let i = 0; i < 300; i++) pause = (pause + i) | 0;
    const value = pa < 0 ? 0n : read(cpu.memory, pa);
    if (lookAgain && overtaken(cpu)) {
      Atomics.add(signals, REDONE, 1);
      continue;
    }
    if (value === wrong) Atomics.add(signals, WRONG, 1);
    if (pa >= 0) Atomics.add(signals, ROUNDS, 1);
  }
}

function holdHazard(root: number, hold: boolean): void {
  const cpu = powerOn(machine, root, 1);
  const before = completed(cpu.dvm);
  if (hold) enterHazard(cpu);
  Atomics.store(signals, READY, 1);
  Atomics.notify(signals, READY);
  while (completed(cpu.dvm) === before && Atomics.load(signals, STOP) === 0);
  Atomics.wait(signals, STOP, 0, 50);
  Atomics.store(signals, LEFT, 1);
  if (hold) leaveHazard(cpu);
}

if (task.kind === 'alternate') alternate(task.pa, task.patterns);
else if (task.kind === 'read') readThroughTlb(task.root, task.va, task.wrong, task.lookAgain);
else holdHazard(task.root, task.hold);
