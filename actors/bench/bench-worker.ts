import { parentPort, workerData } from 'node:worker_threads';
import { readRandomPages } from '../../src/hardware/instruction/burst.ts';
import { CONTROL_STOP } from '../../src/hardware/memory/memory.ts';
import { attachMachine, type MachineHandle } from '../../src/hardware/system.ts';
import { BASE_VA, bareCpu } from './bare-machine.ts';

/** A CPU that keeps others company in a benchmark: busy with translations, or parked, until the machine stops. */

export interface Companion {
  readonly machine: MachineHandle;
  readonly cpu: number;
  readonly role: 'busy' | 'parked';
}

const { machine: handle, cpu: id, role } = workerData as Companion;
const machine = attachMachine(handle);
const cpu = bareCpu(machine, id);
const { control } = machine.memory;

parentPort?.postMessage('ready');
if (role === 'parked') while (Atomics.load(control, CONTROL_STOP) === 0) Atomics.wait(control, CONTROL_STOP, 0, 5000);
else
  for (let seed = 1; Atomics.load(control, CONTROL_STOP) === 0; seed++) readRandomPages(cpu, BASE_VA, 256, 6400, seed);
