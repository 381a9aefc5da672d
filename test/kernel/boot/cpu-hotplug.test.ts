import { describe, expect, test } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { CPU_IRQ_PENDING, CPU_POWER } from '../../../src/hardware/tlbi/dvm.ts';
import { cpuDown, idleUntilOffline, takeCpuDown } from '../../../src/kernel/boot/cpu-hotplug.ts';
import { multiCpuStop, stopMachine, takeStopWork } from '../../../src/kernel/boot/stop-machine.ts';
import { type Kernel, percpuVariable, type Variable, variablePa } from '../../../src/kernel/kernel.ts';
import { downRead, upRead } from '../../../src/kernel/locking/locks.ts';
import { bootSmall, type Interleaved, interleave, runToEnd } from '../interleaved.ts';

const word = ({ machine, kernels }: Interleaved, name: Variable): bigint =>
  read(machine.memory, variablePa(kernels[0]!, name));

function online({ machine, kernels, cpus }: Interleaved): number[] {
  const [k] = kernels as [Kernel];
  const first = variablePa(k, 'idmap_kpti_bbml2_flag') - k.symbols.variables.idmap_kpti_bbml2_flag;
  return cpus.map(({ id }) => id).filter((id) => read(machine.memory, first + percpuVariable(k, id, 'online')) === 1n);
}

const powered = ({ cpus }: Interleaved): number[] =>
  cpus.filter(({ words }) => Atomics.load(words, CPU_POWER) !== 0).map(({ id }) => id);

/** A CPU that the machine is stopped on once. */
function* standsBy(cpu: Cpu, k: Kernel): Op {
  while (!(yield* takeStopWork(cpu, k)));
  yield* multiCpuStop(cpu, k, takeCpuDown);
}

/** Takes `target` down, by CPU 0, which says so; `busy`: what the target does between the stop and its end. */
function down(machine: Interleaved, target: number, seed: number, busy: () => Op = function* () {}): string[] {
  const said: string[] = [];
  interleave(
    machine.cpus.map((cpu, id) => {
      const k = machine.kernels[id]!;
      return (function* () {
        if (id === 0) {
          yield* cpuDown(cpu, k, target);
          said.push('cpuDown returns');
          return;
        }
        yield* standsBy(cpu, k);
        if (id !== target) return;
        yield* busy();
        yield* idleUntilOffline(cpu, k);
        said.push('the target is off');
      })();
    }),
    seed,
  );
  return said;
}

describe('takeCpuDown, which all CPUs run', () => {
  const goes = (id: number): Interleaved => {
    const machine = bootSmall(3);
    exchange(machine.machine.memory, variablePa(machine.kernels[0]!, 'cpu_going_down'), 2n);
    runToEnd(takeCpuDown(machine.cpus[id]!, machine.kernels[id]!));
    return machine;
  };

  test.each([0, 1])('CPU %i is not the one that goes: it stands by, and counts as before', (id) => {
    const machine = goes(id);
    expect({ online: online(machine), count: word(machine, 'num_online_cpus') }).toEqual({
      online: [0, 1, 2],
      count: 3n,
    });
    expect(machine.marks).toEqual([]);
  });

  test('the one that goes is online no more, and not counted; its power is not its own to switch off here', () => {
    const machine = goes(2);
    expect({ online: online(machine), count: word(machine, 'num_online_cpus') }).toEqual({ online: [0, 1], count: 2n });
    expect(machine.marks).toEqual([{ cpu: 2, mark: 'cpu.dying' }]);
    expect(powered(machine)).toEqual([0, 1, 2]);
    runToEnd(load(machine.cpus[2]!, machine.kernels[2]!.symbols.variables.system_state)); // it runs on, for now
  });
});

describe.each([
  [2, 1],
  [3, 1],
  [3, 2],
  [4, 3],
])('cpuDown, of %i CPUs number %i', (cpus, target) => {
  const others = Array.from({ length: cpus }, (_, id) => id).filter((id) => id !== target);

  test.each([1, 2, 3])('takes it out of every count, and its power; locks are free again: order %i', (seed) => {
    const machine = bootSmall(cpus, {}, seed);
    expect(down(machine, target, seed)).toContain('cpuDown returns');
    expect({ online: online(machine), powered: powered(machine) }).toEqual({ online: others, powered: others });
    expect(word(machine, 'num_online_cpus')).toBe(BigInt(cpus - 1));
    for (const lock of ['cpu_hotplug_lock', 'stop_cpus_mutex'] as const) expect(word(machine, lock)).toBe(0n);
    expect(machine.violations).toEqual([]);
    const { mmuOn, regime1, irqMasked } = machine.cpus[target]!;
    expect({ mmuOn, regime1, irqMasked }).toEqual({ mmuOn: false, regime1: undefined, irqMasked: true });
    for (const id of others) expect(machine.cpus[id]!.irqMasked).toBe(false);
  });

  test('the target dies with all CPUs stopped, and nobody else does', () => {
    const machine = bootSmall(cpus);
    down(machine, target, 5);
    const marks = machine.marks.map(({ mark }) => mark);
    const dying = marks.indexOf('cpu.dying');
    expect(machine.marks.filter(({ mark }) => mark === 'cpu.dying')).toEqual([{ cpu: target, mark: 'cpu.dying' }]);
    expect(marks[0]).toBe('cpuDown.started');
    expect(marks.at(-1)).toBe('cpuDown.finished');
    expect(marks.slice(0, dying).filter((mark) => mark === 'stopMachine.irqsOff')).toHaveLength(cpus);
    expect(marks.slice(0, dying)).not.toContain('stopMachine.exit');
  });
});

describe('cpuDown', () => {
  test('returns when the target is off, however long that has something else to do', () => {
    const machine = bootSmall(2);
    const { system_state } = machine.kernels[1]!.symbols.variables;
    const said = down(machine, 1, 3, function* () {
      for (let i = 0; i < 500; i++) yield* load(machine.cpus[1]!, system_state);
    });
    expect(said).toEqual(['the target is off', 'cpuDown returns']);
  });

  test('does not begin while somebody counts CPUs: cpus_read_lock()', () => {
    const machine = bootSmall(3);
    const [[cpu, counting], [k, by]] = [machine.cpus, machine.kernels] as [[Cpu, Cpu], [Kernel, Kernel]];
    runToEnd(downRead(counting, by, 'cpu_hotplug_lock'));
    const taking = cpuDown(cpu, k, 2);
    let waits = '';
    for (let i = 0; i < 50; i++) {
      const { value } = taking.next();
      if (value?.kind === 'wait') waits = value.reason;
    }
    expect(waits).toBe('lock cpu_hotplug_lock, held by a reader');
    expect({ marks: machine.marks, going: word(machine, 'cpu_going_down') }).toEqual({ marks: [], going: 0n });
    runToEnd(upRead(counting, by, 'cpu_hotplug_lock'));
    for (let i = 0; i < 50; i++) taking.next();
    expect(machine.marks[0]).toEqual({ cpu: 0, mark: 'cpuDown.started' });
    expect(word(machine, 'cpu_going_down')).toBe(2n);
  });

  test('leaves a machine that can be stopped again: with one CPU less, and no interrupt for the one that is off', () => {
    const machine = bootSmall(3);
    down(machine, 1, 7);
    const gone = machine.cpus[1]!;
    Atomics.store(gone.words, CPU_IRQ_PENDING, 0);
    machine.marks.length = 0;
    const [[cpu, , other], [k, , k2]] = [machine.cpus, machine.kernels] as unknown as [Cpu[], Kernel[]];
    const ran: number[] = [];
    function* run(by: Cpu, kernel: Kernel): Op {
      ran.push(by.id);
      yield* load(by, kernel.symbols.variables.system_state);
    }
    const standing = (function* () {
      while (!(yield* takeStopWork(other!, k2!)));
      yield* multiCpuStop(other!, k2!, run);
    })();
    interleave([stopMachine(cpu!, k!, run), standing], 1);
    expect(ran.sort()).toEqual([0, 2]);
    expect(Atomics.load(gone.words, CPU_IRQ_PENDING)).toBe(0);
  });
});
