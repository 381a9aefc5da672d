import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { load, loadAdd } from '../../../src/hardware/instruction/load-store.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { CPU_IRQ_PENDING } from '../../../src/hardware/tlbi/dvm.ts';
import {
  MULTI_STOP_EXIT,
  multiCpuStop,
  type StopFunction,
  stopMachine,
  takeStopWork,
} from '../../../src/kernel/boot/stop-machine.ts';
import { type Kernel, variablePa } from '../../../src/kernel/kernel.ts';
import type { Mark } from '../../../src/kernel/marks.ts';
import { bootSmall, type Interleaved, interleave } from '../interleaved.ts';

/** Waits for the stopper's work, then serves it. */
function* stopper(cpu: Cpu, k: Kernel, fn: StopFunction): Op {
  while (!(yield* takeStopWork(cpu, k)));
  yield* multiCpuStop(cpu, k, fn);
}

/** CPU `caller` stops the machine `times` times, and all run `fn`. */
function stopped(cpus: number, seed: number, fn: StopFunction, times = 1, caller = 0): Interleaved {
  const machine = bootSmall(cpus, {}, seed);
  const programs = machine.cpus.map((cpu, id) => {
    const k = machine.kernels[id]!;
    return (function* () {
      for (let i = 0; i < times; i++) yield* id === caller ? stopMachine(cpu, k, fn) : stopper(cpu, k, fn);
    })();
  });
  interleave(programs, seed);
  return machine;
}

function* nothing(cpu: Cpu, k: Kernel): Op {
  yield* load(cpu, k.symbols.variables.system_state);
}

const PHASES: readonly Mark[] = ['stopMachine.prepare', 'stopMachine.irqsOff', 'stopMachine.run', 'stopMachine.exit'];

describe.each([2, 3, 4])('stop_machine() with %i CPUs', (cpus) => {
  test('goes through its phases in lockstep, whoever is slow', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 30), fc.nat(cpus - 1), (seed, caller) => {
        const { marks } = stopped(cpus, seed, nothing, 1, caller);
        expect(marks).toHaveLength(PHASES.length * cpus);
        for (const [phase, mark] of PHASES.entries()) {
          const together = marks.slice(phase * cpus, (phase + 1) * cpus);
          expect(together.every((each) => each.mark === mark)).toBe(true);
          expect(new Set(together.map(({ cpu }) => cpu)).size).toBe(cpus);
        }
      }),
      { numRuns: 25 },
    );
  });

  test('runs the function once on each, with interrupts masked, and no two phases overlap', () => {
    const inside = new Map<number, number>();
    let most = 0;
    const machine = stopped(cpus, 7, function* (cpu, k) {
      expect(cpu.irqMasked).toBe(true);
      inside.set(cpu.id, (inside.get(cpu.id) ?? 0) + 1);
      yield* loadAdd(cpu, k.symbols.variables.cpus_finished, 1n);
      for (let i = 0; i < 20; i++) most = Math.max(most, Number(yield* load(cpu, k.symbols.variables.cpus_finished)));
    });
    expect([...inside.keys()].sort()).toEqual(Array.from({ length: cpus }, (_, id) => id));
    expect([...inside.values()].every((count) => count === 1)).toBe(true);
    expect(most).toBe(cpus);
    for (const cpu of machine.cpus) expect(cpu.irqMasked).toBe(false);
  });

  test('returns when everybody is out, so that it can be called again', () => {
    const { marks, machine, kernels, violations } = stopped(cpus, 11, nothing, 3);
    expect(marks).toHaveLength(3 * PHASES.length * cpus);
    for (let round = 0; round < 3; round++)
      expect(
        new Set(marks.slice(round * PHASES.length * cpus, (round + 1) * PHASES.length * cpus).map(({ mark }) => mark))
          .size,
      ).toBe(4);
    const k = kernels[0]!;
    expect(read(machine.memory, variablePa(k, 'cpu_stop_done'))).toBe(0n);
    expect(read(machine.memory, variablePa(k, 'multi_stop_state'))).toBe(MULTI_STOP_EXIT);
    expect(violations).toEqual([]);
  });

  test('wakes every other CPU with an interrupt', () => {
    const machine = stopped(cpus, 3, nothing);
    for (const cpu of machine.cpus.slice(1)) expect(Atomics.load(cpu.words, CPU_IRQ_PENDING)).not.toBe(0);
    expect(Atomics.load(machine.cpus[0]!.words, CPU_IRQ_PENDING)).toBe(0);
  });
});

test('a CPU alone stops nobody and runs the function', () => {
  let runs = 0;
  stopped(1, 1, (cpu, k) => {
    runs++;
    return nothing(cpu, k);
  });
  expect(runs).toBe(1);
});
