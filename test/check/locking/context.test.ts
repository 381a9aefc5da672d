import { describe, expect, test } from 'vitest';
import { context } from '../../../src/check/locking/context.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { exchange } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { stopMachine } from '../../../src/kernel/boot/stop-machine.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { type Kernel, variablePa } from '../../../src/kernel/kernel.ts';
import { rangeSplitToPtes } from '../../../src/kernel/linear-map/split.ts';
import {
  downRead,
  downWrite,
  mutexLock,
  mutexUnlock,
  rawSpinLock,
  rawSpinUnlock,
  spinLock,
  spinUnlock,
} from '../../../src/kernel/locking/locks.ts';
import {
  localIrqRestore,
  localIrqSave,
  mightSleep,
  preemptDisable,
  preemptEnable,
} from '../../../src/kernel/locking/preempt.ts';
import { type Gfp, pgtableAlloc } from '../../../src/kernel/tables/pgalloc.ts';
import { bootSmall, type Interleaved, runToEnd } from '../../kernel/interleaved.ts';
import { rigOf, said as saidOf } from '../rig.ts';

type Doing = (cpu: Cpu, k: Kernel) => Op<unknown>;

/** One CPU that is online does this. */
function did(doing: Doing, config: Partial<KernelConfig> = {}): Interleaved {
  const machine = bootSmall(1, config);
  runToEnd(doing(machine.cpus[0]!, machine.kernels[0]!));
  return machine;
}

const said = ({ violations }: Interleaved): string[] => violations.map(({ message }) => message);
const RT = { preemptRt: true };
const BUG = 'BUG: sleeping function called from invalid context';

const mutex: Doing = (cpu, k) => mutexLock(cpu, k, 'text_mutex');
const spinlock: Doing = (cpu, k) => spinLock(cpu, k, 'init_mm.page_table_lock');
const allocation =
  (gfp: Gfp): Doing =>
  (cpu, k) =>
    pgtableAlloc(cpu, k, gfp);

const underSpinlock = (inner: Doing): Doing =>
  function* (cpu, k) {
    yield* spinLock(cpu, k, 'swapper_pgdir_lock');
    yield* inner(cpu, k);
  };
const underRawSpinlock = (inner: Doing): Doing =>
  function* (cpu, k) {
    yield* rawSpinLock(cpu, k, 'patch_lock');
    yield* inner(cpu, k);
  };
const stopped = (inner: Doing): Doing =>
  function* (cpu, k) {
    yield* stopMachine(cpu, k, function* (...on) {
      yield* inner(...on);
    });
  };
const underMutex = (inner: Doing): Doing =>
  function* (cpu, k) {
    yield* mutexLock(cpu, k, 'pgtable_split_lock');
    yield* inner(cpu, k);
  };

describe('what may sleep, in atomic context', () => {
  test('is caught under a spinlock, in the words of the kernel', () => {
    const machine = did(underSpinlock(mutex));
    expect(said(machine)).toEqual([
      `${BUG}: mutex_lock(&text_mutex) on CPU 0 with preemption disabled by spin_lock(&swapper_pgdir_lock)`,
    ]);
    const [{ property, evidence, remedy }] = machine.violations as [(typeof machine.violations)[0]];
    expect(property).toBe('context');
    expect(evidence).toEqual(['in_atomic(): 1, irqs_disabled(): 0', 'preempt_count: 1, expected: 0']);
    expect(remedy).toMatch(/^mutex_lock\(&text_mutex\) before spin_lock\(&swapper_pgdir_lock\)/);
  });

  test('is caught in stop_machine(), where interrupts are off', () => {
    const machine = did(stopped(mutex));
    expect(said(machine)).toEqual([
      `${BUG}: mutex_lock(&text_mutex) on CPU 0 with interrupts disabled by multi_cpu_stop()`,
    ]);
    expect(machine.violations[0]!.evidence[0]).toBe('in_atomic(): 0, irqs_disabled(): 1');
  });

  test('is caught with both, and names all who did it', () => {
    const both = stopped(underRawSpinlock(underSpinlock(mutex)));
    expect(said(did(both))).toEqual([
      `${BUG}: mutex_lock(&text_mutex) on CPU 0 with interrupts disabled by multi_cpu_stop(), and preemption disabled by spin_lock(&swapper_pgdir_lock), raw_spin_lock(&patch_lock)`,
    ]);
  });

  const SLEEPERS: readonly (readonly [string, Doing])[] = [
    ['mutex_lock()', mutex],
    ['down_read()', (cpu, k) => downRead(cpu, k, 'init_mm.mmap_lock')],
    ['down_write()', (cpu, k) => downWrite(cpu, k, 'init_mm.mmap_lock')],
    ['an allocation with GFP_KERNEL', allocation('kernel')],
  ];
  test('is caught at both locks of stop_machine()', () => {
    const stop = stopped(function* () {});
    expect(said(did(underSpinlock(stop)))).toEqual([
      expect.stringMatching(/cpu_hotplug_lock/),
      expect.stringMatching(/stop_cpus_mutex/),
    ]);
    expect(said(did(stop))).toEqual([]);
  });

  test.each(SLEEPERS)('is caught, and only there: %s', (_, sleeper) => {
    expect(said(did(underSpinlock(sleeper)))).toHaveLength(1);
    expect(said(did(underRawSpinlock(sleeper), RT))).toHaveLength(1);
    expect(said(did(sleeper))).toEqual([]);
    expect(said(did(sleeper, RT))).toEqual([]);
    expect(said(did(underMutex(sleeper)))).toEqual([]);
  });

  test('is caught wherever preemption was disabled by hand, in softirqs say, and not after', () => {
    expect(
      said(
        did(function* (cpu, k) {
          preemptDisable(k, 'local_bh_disable()');
          yield* mutex(cpu, k);
        }),
      ),
    ).toEqual([expect.stringMatching(/preemption disabled by local_bh_disable\(\)$/)]);
    expect(
      said(
        did(function* (cpu, k) {
          preemptDisable(k, 'local_bh_disable()');
          preemptEnable(cpu, k, 'local_bh_disable()');
          yield* mutex(cpu, k);
        }),
      ),
    ).toEqual([]);
  });

  test('is caught while interrupts are off: the outermost of several is to blame, and ends it', () => {
    const found = said(
      did(function* (cpu, k) {
        const outer = localIrqSave(cpu, k, 'outer()');
        const inner = localIrqSave(cpu, k, 'inner()');
        localIrqRestore(cpu, inner);
        mightSleep(cpu, k, 'first()');
        localIrqRestore(cpu, outer);
        mightSleep(cpu, k, 'second()');
      }),
    );
    expect(found).toEqual([`${BUG}: first() on CPU 0 with interrupts disabled by outer()`]);
  });
});

describe('nobody complains', () => {
  test('once the spinlock has been given back', () => {
    for (const config of [{}, RT])
      expect(
        said(
          did(function* (cpu, k) {
            yield* spinLock(cpu, k, 'swapper_pgdir_lock');
            yield* spinUnlock(cpu, k, 'swapper_pgdir_lock');
            yield* rawSpinLock(cpu, k, 'patch_lock');
            yield* rawSpinUnlock(cpu, k, 'patch_lock');
            yield* mutexLock(cpu, k, 'text_mutex');
            yield* mutexUnlock(cpu, k, 'text_mutex');
          }, config),
        ),
      ).toEqual([]);
  });

  test('when GFP_ATOMIC is asked for where it is meant for', () => {
    for (const atomic of [underSpinlock, underRawSpinlock, stopped])
      expect(said(did(atomic(allocation('atomic'))))).toEqual([]);
  });

  test('when a split in lazy MMU mode allocates with GFP_KERNEL: on arm64 that may sleep', () => {
    const split: Doing = (cpu, k) => {
      const start = physToVirt(k.space, k.space.initBegin + 2 ** 24);
      return rangeSplitToPtes(cpu, k, start, start + 2 ** 22, 'kernel');
    };
    expect(said(did(underMutex(split)))).toEqual([]);
    expect(said(did(underSpinlock(split))).length).toBeGreaterThan(0); // it does allocate
  });

  test('before a CPU is online: interrupts are off then, and there is nobody to schedule', () => {
    const rig = rigOf({ classes: ['level3'], properties: [context] });
    const ask = (): void => mightSleep(rig.cpus[0]!, rig.k, 'mutex_lock(&fixmap_lock)');
    ask();
    expect(saidOf(rig)).toEqual([]);
    exchange(rig.machine.memory, variablePa(rig.k, 'num_online_cpus'), 1n);
    ask();
    expect(rig.reports.map(({ message }) => message)).toEqual([
      `${BUG}: mutex_lock(&fixmap_lock) on CPU 0 with interrupts disabled by power-on`,
    ]);
  });
});

describe('under PREEMPT_RT', () => {
  test('a spinlock sleeps: not under a raw one, nor with interrupts off', () => {
    const message = `${BUG}: rt_spin_lock(&init_mm.page_table_lock) on CPU 0 with`;
    expect(said(did(underRawSpinlock(spinlock), RT))).toEqual([
      `${message} preemption disabled by raw_spin_lock(&patch_lock)`,
    ]);
    expect(said(did(stopped(spinlock), RT))).toEqual([`${message} interrupts disabled by multi_cpu_stop()`]);
    expect(said(did(underRawSpinlock(spinlock)))).toEqual([]);
    expect(said(did(stopped(spinlock)))).toEqual([]);
  });

  test('a mutex may be taken under a spinlock, which disables nothing', () => {
    expect(said(did(underSpinlock(mutex), RT))).toEqual([]);
  });

  test('GFP_ATOMIC sleeps on zone->lock: the repaint cannot allocate with the machine stopped', () => {
    const machine = did(stopped(allocation('atomic')), RT);
    expect(said(machine)).toEqual([
      `${BUG}: rt_spin_lock(&zone->lock) on CPU 0 with interrupts disabled by multi_cpu_stop()`,
    ]);
    expect(machine.violations[0]!.remedy).toMatch(/pagetable_alloc_nolock\(\)/);
    expect(said(did(allocation('atomic'), RT))).toEqual([]);
  });
});
