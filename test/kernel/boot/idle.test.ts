import { describe, expect, test } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { acknowledge, interruptDue } from '../../../src/hardware/interrupt.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { handleInterrupt, idle } from '../../../src/kernel/boot/boot.ts';
import { cpuDown } from '../../../src/kernel/boot/cpu-hotplug.ts';
import type { Kernel, KernelText } from '../../../src/kernel/kernel.ts';
import { bootSmall, type Interleaved, interleave } from '../interleaved.ts';

/** A program in whose steps interrupts are taken. */
function* interrupted(cpu: Cpu, k: Kernel, program: Op): Op {
  for (;;) {
    if (interruptDue(cpu)) {
      acknowledge(cpu);
      yield* handleInterrupt(cpu, k, {});
    }
    const { done, value } = program.next();
    if (done) return;
    yield value;
  }
}

/** CPU 1 idles, and CPU 0 does something meanwhile: what happened, in order. */
function idles(seed: number, meanwhile: (cpu: Cpu, k: Kernel) => Op, change?: (good: KernelText) => KernelText) {
  const machine = bootSmall(2, {}, seed, change);
  const [[cpu, idler], [k, own]] = [machine.cpus, machine.kernels] as [[Cpu, Cpu], [Kernel, Kernel]];
  const said: string[] = [];
  interleave(
    [
      (function* () {
        yield* meanwhile(cpu, k);
        said.push('meanwhile');
      })(),
      (function* () {
        yield* interrupted(idler, own, idle(idler, own));
        said.push('idle returns');
      })(),
    ],
    seed,
  );
  return { ...machine, said };
}

const isOn = ({ cpus }: Interleaved): boolean => cpus[1]!.words[CPU_POWER] !== 0;

function* startsSystem(cpu: Cpu, k: Kernel): Op {
  yield* store(cpu, k.symbols.variables.system_state, 1n);
}

const SEEDS = [1, 2, 3, 4, 5];

describe('the idle task', () => {
  test.each(SEEDS)('returns when the system runs, and stays on: order %i', (seed) => {
    const machine = idles(seed, startsSystem);
    expect(machine.said).toContain('idle returns');
    expect(isOn(machine)).toBe(true);
    expect(machine.marks).toEqual([{ cpu: 1, mark: 'cpu.idle' }]);
  });

  test.each(SEEDS)('of a CPU that is taken down ends with its power: order %i', (seed) => {
    const machine = idles(seed, (cpu, k) => cpuDown(cpu, k, 1));
    expect(machine.said).toEqual(['idle returns', 'meanwhile']);
    expect(isOn(machine)).toBe(false);
    expect(machine.violations).toEqual([]);
  });

  test.each(SEEDS)('of a CPU that is taken down just when the system runs ends so too: order %i', (seed) => {
    const machine = idles(seed, function* (cpu, k) {
      yield* cpuDown(cpu, k, 1);
      yield* startsSystem(cpu, k);
    });
    expect(isOn(machine)).toBe(false);
  });

  test('comes after kernel threads that wait for the CPU', () => {
    const did: string[] = [];
    const machine = idles(1, startsSystem, (good) => ({
      ...good,
      early: {
        *work(cpu, k, stage) {
          if (stage !== 'kthread') return;
          yield* load(cpu, k.symbols.variables.num_online_cpus);
          did.push(`${stage} on CPU ${cpu.id}`);
        },
      },
    }));
    expect(did).toEqual(['kthread on CPU 1']);
    expect(machine.said).toContain('idle returns');
  });
});
