import { encodeVaOperand } from '../../arch/tlbi-operand.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { dcCvau, icIvau } from '../../hardware/instruction/instruction-cache.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import type { Kernel, KernelText } from '../../kernel/kernel.ts';
import { downRead, downWrite, upRead, upWrite } from '../../kernel/locking/locks.ts';
import type { PatchingText } from '../../kernel/ptdump/patching.ts';
import { type PtdumpText, ptdumpWalk } from '../../kernel/ptdump/ptdump-walk.ts';
import {
  staticBranchDec,
  staticBranchDisable,
  staticBranchEnable,
  staticBranchInc,
} from '../../kernel/ptdump/static-key.ts';
import { setEntry } from '../../kernel/tables/lazy-mmu.ts';
import type { TableFreeText } from '../../kernel/tables/table-free.ts';
import { flushTlbKernelPgtable } from '../../kernel/tables/tlbflush.ts';
import type { Scenario, ScenarioDefinition } from '../scenario.ts';
import { inTurns, ptdumpScenario, vmallocFreeOnly } from './ptdump.ts';
import { slot, vmallocArea } from './ptdump-area.ts';

/** What becomes of the ptdump protocol when one piece of it is left out: docs/ptdump.md has them in a table. */

type Change = (good: KernelText) => KernelText;

export function twin(name: string, summary: string, change: Change, more: Partial<ScenarioDefinition> = {}): Scenario {
  return ptdumpScenario({ name: `ptdump/${name}`, summary, expect: 'table-lifetime', ...more }, change);
}

export const freeing =
  (change: Partial<TableFreeText>): Change =>
  (good) => ({ ...good, tableFree: { ...good.tableFree, ...change } });
export const patching =
  (change: Partial<PatchingText>): Change =>
  (good) => ({ ...good, patching: { ...good.patching, ...change } });
export const dumping =
  (change: Partial<PtdumpText>): Change =>
  (good) => ({ ...good, ptdump: { ...good.ptdump, ...change } });

/** Whoever frees. */

export const clearAfterFlush = twin(
  'clear-after-flush',
  'the walkers are flushed first, and only then is the entry cleared that leads to the table',
  freeing({
    *unlink(cpu, k, entry, va) {
      yield* flushTlbKernelPgtable(cpu, va);
      yield* setEntry(cpu, k, entry, 0n);
    },
  }),
  vmallocFreeOnly,
);

export const flushWithoutDsb = twin(
  'flush-without-dsb',
  'the flush after the clear has no DSB: neither is the clear visible, nor the TLBI complete, when the table is freed',
  freeing({
    *flush(cpu, va) {
      yield* tlbi(cpu, 'vaae1is', encodeVaOperand(va));
      yield* isb(cpu);
    },
  }),
  vmallocFreeOnly,
);

export function* flushEndsWithoutIsb(cpu: Cpu, va: number): Op {
  yield* dsb(cpu, 'ishst');
  yield* tlbi(cpu, 'vaae1is', encodeVaOperand(va));
  yield* dsb(cpu, 'ish');
}

export const flushWithoutIsb = twin(
  'flush-without-isb',
  'the flush ends without an ISB: the branch may be the NOP that was fetched before a dumper turned the key on',
  freeing({ flush: flushEndsWithoutIsb }),
);

export const freerTakesNoLock = twin(
  'freer-takes-no-lock',
  'whoever frees a table does not wait for the lock that a dumper holds',
  freeing({ *passLock() {} }),
);

/** Whoever dumps. */

export const dumperTakesNoLock = twin(
  'dumper-takes-no-lock',
  'a dumper turns the key on but does not take init_mm.mmap_lock: nobody waits for it',
  dumping({
    *guarded(cpu, k, walk) {
      yield* staticBranchInc(cpu, k, 'arm64_ptdump_lock_key');
      yield* downRead(cpu, k, 'mem_hotplug_lock');
      yield* walk;
      yield* upRead(cpu, k, 'mem_hotplug_lock');
      yield* staticBranchDec(cpu, k, 'arm64_ptdump_lock_key');
    },
  }),
);

/** The lock, and around the walk whatever else. */
function* locked(cpu: Cpu, k: Kernel, walk: Op): Op {
  yield* downRead(cpu, k, 'mem_hotplug_lock');
  yield* downWrite(cpu, k, 'init_mm.mmap_lock');
  yield* walk;
  yield* upWrite(cpu, k, 'init_mm.mmap_lock');
  yield* upRead(cpu, k, 'mem_hotplug_lock');
}

export const noKey = twin(
  'no-key',
  'a dumper takes the lock but does not turn the key on: nobody looks at the lock',
  dumping({ guarded: locked }),
);

/**
 * A dumper is preempted when it has turned the key on, and on the same CPU another one comes and goes. What it does is the
 * scenario's own `guarded` as well.
 */
function twoDumpers(text: KernelText): KernelText {
  const given = inTurns(text);
  return {
    ...given,
    ptdump: {
      ...given.ptdump,
      *beforeLock(cpu, k) {
        const other = { ...k, text: { ...k.text, ptdump: { ...k.text.ptdump, ...undisturbed } } };
        yield* ptdumpWalk(cpu, other, vmallocArea(k), slot(k, vmallocArea(k), 1), () => {});
      },
    },
  };
}

const undisturbed: Pick<PtdumpText, 'beforeLock' | 'beforeDescent'> = { *beforeLock() {}, *beforeDescent() {} };

export const twoDumpersOnOneCpu = ptdumpScenario({
  name: 'ptdump/preempted',
  summary: 'a dumper is preempted between key and lock, and another one dumps all there is: the key stays on',
  circumstances: twoDumpers,
});

export const keyNotCounted = twin(
  'key-not-counted',
  'a dumper that has finished turns the key off under another: enable and disable instead of inc and dec',
  dumping({
    *guarded(cpu, k, walk) {
      yield* staticBranchEnable(cpu, k, 'arm64_ptdump_lock_key');
      yield* k.text.ptdump.beforeLock(cpu, k);
      yield* locked(cpu, k, walk);
      yield* staticBranchDisable(cpu, k, 'arm64_ptdump_lock_key');
    },
  }),
  { circumstances: twoDumpers },
);

/** Whoever turns the key. */

export const patchWithoutClean = twin(
  'patch-without-dc-cvau',
  'the new instruction is not cleaned to the point of unification: caches are filled with the old one again',
  patching({
    *cachesCleanInvalPou(cpu, va) {
      yield* dsb(cpu, 'ish');
      yield* icIvau(cpu, va);
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    },
  }),
);

export const patchWithoutInvalidate = twin(
  'patch-without-ic-ivau',
  'the instruction caches are not invalidated: they may hold the old instruction for ever',
  patching({
    *cachesCleanInvalPou(cpu, va) {
      yield* dcCvau(cpu, va);
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    },
  }),
);

export const patchWithoutDsbBetween = twin(
  'patch-without-dsb-between',
  'no DSB between DC CVAU and IC IVAU: caches may be emptied, and filled with the old instruction, before the clean is done',
  patching({
    *cachesCleanInvalPou(cpu, va) {
      yield* dcCvau(cpu, va);
      yield* icIvau(cpu, va);
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    },
  }),
);

export const patchWithoutDsbAfter = twin(
  'patch-without-dsb-after',
  'no DSB after IC IVAU: the dumper goes on while instruction caches still hold the old instruction',
  patching({
    *cachesCleanInvalPou(cpu, va) {
      yield* dcCvau(cpu, va);
      yield* dsb(cpu, 'ish');
      yield* icIvau(cpu, va);
      yield* isb(cpu);
    },
  }),
);

export const ptdumpTwins: readonly Scenario[] = [
  clearAfterFlush,
  flushWithoutDsb,
  flushWithoutIsb,
  freerTakesNoLock,
  dumperTakesNoLock,
  noKey,
  keyNotCounted,
  patchWithoutClean,
  patchWithoutInvalidate,
  patchWithoutDsbBetween,
  patchWithoutDsbAfter,
];
