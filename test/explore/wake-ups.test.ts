import { describe, expect, it } from 'vitest';
import type { Violation } from '../../src/check/violation.ts';
import { type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import { replaying } from '../../src/explore/replay.ts';
import { randomly } from '../../src/explore/strategy/random.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { isb } from '../../src/hardware/instruction/barrier.ts';
import { sendIpi } from '../../src/hardware/instruction/ipi.ts';
import { load, loadAdd, store } from '../../src/hardware/instruction/load-store.ts';
import { relaxWhile, wfi } from '../../src/hardware/instruction/wait.ts';
import { IPI_RESCHEDULE } from '../../src/hardware/interrupt.ts';
import { traceOf } from '../../src/hardware/system.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { localIrqRestore, localIrqSave } from '../../src/kernel/locking/preempt.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import { repaint, twins } from '../../src/scenario/repaint/repaint.ts';
import type { Program, Scenario } from '../../src/scenario/scenario.ts';

/** CPU 1 sleeps until there is a flag; CPU 0 raises it and wakes CPU 1. Both are there before it begins. */
function sleeping(sleeper: Program, waker: Program): Interleaver {
  const programs: readonly Program[] = [
    function* (cpu, k) {
      yield* store(cpu, begun(k), 1n);
      yield* waker(cpu, k);
    },
    function* (cpu, k) {
      while ((yield* load(cpu, begun(k))) === 0n) yield* relaxWhile(cpu, begun(k), 0n, 'the waker to begin');
      yield* sleeper(cpu, k);
    },
  ];
  return explorer({ ...repaint, name: 'sleep', programs: (id) => programs[id]! });
}

function explorer(scenario: Scenario): Interleaver {
  return interleaverOf({
    board: boardPresets.get('one-block')!,
    scenario,
    kernel: DEFAULT_CONFIG,
    work: briefWork,
    from: 'brought-up',
    mostPoints: 5000,
  });
}

const begun = (k: Kernel): number => k.symbols.variables.panic_cpu;
const flag = (k: Kernel): number => k.symbols.variables.cpus_finished;
const event = (k: Kernel): number => k.symbols.variables.cpus_refused;

const raise: Program = function* (cpu, k) {
  yield* store(cpu, flag(k), 1n);
};
const raiseAndInterrupt: Program = function* (cpu, k) {
  yield* raise(cpu, k);
  yield* sendIpi(cpu, 1, IPI_RESCHEDULE);
};
const raiseAndCount: Program = function* (cpu, k) {
  yield* raise(cpu, k);
  yield* loadAdd(cpu, event(k), 1n);
};

const raiseCountAndInterrupt: Program = function* (cpu, k) {
  yield* raiseAndCount(cpu, k);
  yield* sendIpi(cpu, 1, IPI_RESCHEDULE);
};

/** Looks, and some time later sleeps, whatever has come in between. */
const lookThenSleep: Program = function* (cpu, k) {
  if ((yield* load(cpu, flag(k))) !== 0n) return;
  yield* isb(cpu);
  yield* wfi(cpu, 'the flag');
};

const lookMaskedThenSleep: Program = function* (cpu, k) {
  const masked = cpu.irqMasked;
  localIrqSave(cpu, k, 'the sleeper');
  while ((yield* load(cpu, flag(k))) === 0n) {
    yield* isb(cpu);
    yield* wfi(cpu, 'the flag');
    localIrqRestore(cpu, masked);
    yield* isb(cpu); // whatever woke it is taken here
    localIrqSave(cpu, k, 'the sleeper');
  }
  localIrqRestore(cpu, masked);
};

/** Waits for an event after the one it has seen; sees first and looks then, or the other way round. */
const waitForEvent = (seesFirst: boolean): Program =>
  function* (cpu, k) {
    const seen = seesFirst ? yield* load(cpu, event(k)) : 0n;
    if ((yield* load(cpu, flag(k))) !== 0n) return;
    const last = seesFirst ? seen : yield* load(cpu, event(k));
    yield* relaxWhile(cpu, event(k), last, 'an event');
  };

/** Waits for others to change what it has stored itself. */
const waitForAnswer: Program = function* (cpu, k) {
  if ((yield* load(cpu, flag(k))) !== 0n) return;
  yield* store(cpu, event(k), 5n);
  yield* relaxWhile(cpu, event(k), 5n, 'an answer');
};

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed + 1);

/** The first violation of each seed that has one. */
function violations({ run }: Interleaver): Violation[] {
  return SEEDS.flatMap((seed) => run(randomly(seed)).violations.slice(0, 1));
}

describe('a wake-up that came after the look and before the wait', () => {
  it('is lost: an interrupt that was taken before the WFI', () => {
    const interleaver = sleeping(lookThenSleep, raiseAndInterrupt);
    const found = violations(interleaver);
    expect(found.length).toBeGreaterThan(0);
    const va = (cpu: number): string => BigInt.asUintN(64, BigInt(cpu)).toString(16).padStart(16, '0');
    for (const { property, message, remedy } of found) {
      expect(property).toBe('deadlock');
      expect(message).toMatch(
        new RegExp(
          `^nobody can go on: CPU 1 waits for the flag, and its wake-up is lost: an interrupt by CPU 0 at step \\d+, after it had looked at 0x${va(flag(interleaver.kernel))} and before it began to wait$`,
        ),
      );
      expect(remedy).toMatch(/local_irq_disable\(\)/);
    }
  });

  it('names the step at which it was sent', () => {
    const interleaver = sleeping(lookThenSleep, raiseAndInterrupt);
    const seed = SEEDS.find((one) => interleaver.run(randomly(one)).violations.length > 0)!;
    const { violations: found, decisions } = interleaver.run(randomly(seed));
    const step = Number(/at step (\d+)/.exec(found[0]!.message)![1]);
    const record = traceOf(interleaver.machine, 512).find((one) => one.step === step);
    expect(record).toMatchObject({ cpu: 0, kind: 'ipi', detail: 1 });
    expect(interleaver.run(replaying(decisions)).violations).toEqual(found);
  });

  it.each<[string, Program]>([
    ['a store that was seen as the last one', raiseAndCount],
    ['also where an interrupt comes between', raiseCountAndInterrupt],
  ])('is lost: %s', (_, waker) => {
    const found = violations(sleeping(waitForEvent(false), waker));
    expect(found.length).toBeGreaterThan(0);
    for (const { message, remedy } of found) {
      expect(message).toMatch(
        /^nobody can go on: CPU 1 waits for an event, and its wake-up is lost: a store by CPU 0 /,
      );
      expect(message).toMatch(/before it began to wait$/);
      expect(remedy).toMatch(/prepare_to_wait_event\(\)/);
    }
  });

  it('is lost, too, where it came while somebody waited and was taken back at once', () => {
    const takesBack: Program = function* (cpu, k) {
      yield* store(cpu, event(k), 1n);
      yield* store(cpu, event(k), 0n);
    };
    const found = violations(sleeping(waitForEvent(true), takesBack));
    const duringTheWait = found.filter(({ message }) =>
      /while it waited, and taken back before it went on$/.test(message),
    );
    expect(duringTheWait.length).toBeGreaterThan(0);
  });
});

describe('a wake-up that nobody has sent', () => {
  const never = (what: string): string =>
    `nobody can go on: CPU 1 waits for ${what}, and nobody has sent a wake-up since the last look`;

  it.each<[string, Program]>([
    ['the flag', lookMaskedThenSleep],
    ['the flag', lookThenSleep],
    ['an event', waitForEvent(true)],
    ['an event', waitForEvent(false)],
    ['an answer', waitForAnswer],
  ])('leaves who waits for %s waiting, and that is what it says', (what, sleeper) => {
    const found = violations(sleeping(sleeper, raise));
    expect(found.length).toBeGreaterThan(0);
    for (const { message, remedy } of found) expect({ message, remedy }).toEqual({ message: never(what), remedy: '' });
  });

  it('is that of the repaint whose flag starts at zero', () => {
    const flagStartsAtZero = twins.find(({ expect: property }) => property === 'deadlock')!;
    const [violation] = explorer(flagStartsAtZero).run(randomly(1)).violations;
    expect(violation!.message).toMatch(
      /CPU 0 waits for the repaint flag to reach 2[^,;]*, and nobody has sent a wake-up since the last look/,
    );
    expect(violation!.remedy).toMatch(/init_idmap_kpti_bbml2_flag/);
  });
});

describe('nobody is said to have slept through anything', () => {
  it.each<[string, Program, Program]>([
    ['who looks with interrupts masked: a WFI returns when one is pending', lookMaskedThenSleep, raiseAndInterrupt],
    ['who sees the last event before it looks', waitForEvent(true), raiseAndCount],
  ])('%s', (_, sleeper, waker) => {
    expect(violations(sleeping(sleeper, waker))).toEqual([]);
  });

  it('in the good repaint', () => {
    const { run } = explorer(repaint);
    for (const seed of SEEDS) expect(run(randomly(seed))).toMatchObject({ verdict: 'good', violations: [] });
  });
});
