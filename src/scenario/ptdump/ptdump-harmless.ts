import { dsb } from '../../hardware/instruction/barrier.ts';
import { dcCvau, icIvau } from '../../hardware/instruction/instruction-cache.ts';
import { store } from '../../hardware/instruction/load-store.ts';
import { kickAllCpusSync } from '../../kernel/boot/kick.ts';
import type { KernelText } from '../../kernel/kernel.ts';
import { LOCK_NAMES } from '../../kernel/locking/lock-class.ts';
import { downRead, downWrite, upRead, upWrite } from '../../kernel/locking/locks.ts';
import { staticBranchDec, staticBranchInc } from '../../kernel/ptdump/static-key.ts';
import type { Scenario } from '../scenario.ts';
import { inTurns, letDumperGoOn, ptdumpScenario, vmallocFewRounds } from './ptdump.ts';
import { dumping, flushEndsWithoutIsb, freeing, patching, twin, twoDumpersOnOneCpu } from './ptdump-twins.ts';

/** Pieces of the ptdump protocol that no freed table is read without: why, says docs/ptdump.md. */

export const patchWithoutIsb = twin(
  'patch-without-isb',
  'the dumper has no ISB after patching: it does not execute the branch, and its walk is ordered by the lock',
  patching({
    *cachesCleanInvalPou(cpu, va) {
      yield* dcCvau(cpu, va);
      yield* dsb(cpu, 'ish');
      yield* icIvau(cpu, va);
      yield* dsb(cpu, 'ish');
    },
  }),
  { expect: 'good' },
);

export const keyAfterLock = twin(
  'key-after-lock',
  'the dumper takes the lock before it turns the key on: who missed the key has cleared before the walk begins',
  dumping({
    *guarded(cpu, k, walk) {
      yield* downRead(cpu, k, 'mem_hotplug_lock');
      yield* downWrite(cpu, k, 'init_mm.mmap_lock');
      yield* staticBranchInc(cpu, k, 'arm64_ptdump_lock_key');
      yield* walk;
      yield* staticBranchDec(cpu, k, 'arm64_ptdump_lock_key');
      yield* upWrite(cpu, k, 'init_mm.mmap_lock');
      yield* upRead(cpu, k, 'mem_hotplug_lock');
    },
  }),
  { expect: 'good' },
);

export const freerUnlocksByStore = twin(
  'freer-unlocks-by-a-store',
  'the freer gives the lock back by a plain store: its clear was ordered by the flush, before it took the lock',
  freeing({
    *passLock(cpu, k) {
      yield* letDumperGoOn(cpu, k, 'init_mm.mmap_lock');
      const word = k.symbols.variables['init_mm.mmap_lock'];
      yield* downRead(cpu, k, 'init_mm.mmap_lock');
      cpu.observer.lockRelease(cpu, { lockClass: LOCK_NAMES.indexOf('init_mm.mmap_lock'), va: word, shared: true });
      yield* store(cpu, word, 0n); // nobody else reads, and a writer that waits looks again
    },
  }),
  { expect: 'good' },
);

/** As Linux has it since 6.11: whoever turns a key also makes all others synchronise their context. */
function kicking(text: KernelText): KernelText {
  const given = inTurns(text);
  return { ...given, patching: { ...given.patching, transformApply: kickAllCpusSync } };
}

export const kicked = ptdumpScenario({
  name: 'ptdump/kicked',
  summary: 'the key is turned as since 6.11: every other CPU has taken an interrupt before the dumper goes on',
  circumstances: kicking,
  ...vmallocFewRounds,
});

export const kickedWithoutIsb = twin(
  'kicked-without-isb',
  'the flush ends without an ISB, but the dumper has interrupted everybody: who still executed the NOP had cleared before',
  freeing({ flush: flushEndsWithoutIsb }),
  { expect: 'good', circumstances: kicking, ...vmallocFewRounds },
);

export const ptdumpHarmless: readonly Scenario[] = [
  twoDumpersOnOneCpu,
  patchWithoutIsb,
  keyAfterLock,
  freerUnlocksByStore,
  kicked,
  kickedWithoutIsb,
];
