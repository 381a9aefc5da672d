import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { ttbr } from '../../kernel/boot/idmap.ts';
import { announceRestored, breakBeforeMakeTtbrSwitch, freeCopy } from '../../kernel/hibernate/resume.ts';
import type { KernelText } from '../../kernel/kernel.ts';
import { PTE_PRESENT_INVALID, PTE_RDONLY, PTE_VALID, PTE_WRITE } from '../../kernel/tables/pgtable-prot.ts';
import { defineScenario, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { hibernateStory } from './hibernate.ts';

/** One sentence of saving, of the copy or of the way back replaced. */
function twin<Part extends 'snapshot' | 'transPgd' | 'resume'>(
  definition: Pick<ScenarioDefinition, 'name' | 'summary'> & { readonly expect: string },
  part: Part,
  change: (good: KernelText[Part]) => Partial<KernelText[Part]>,
): Scenario {
  return defineScenario({
    ...hibernateStory,
    ...definition,
    name: `hibernate/${definition.name}`,
    text: (good) => ({ ...good, [part]: { ...good[part], ...change(good[part]) } }),
  });
}

export const secondariesStayOn = twin(
  {
    name: 'secondaries-stay-on',
    summary: 'nobody takes the other CPUs down: they go on with what they have cached, while tables are overwritten',
    expect: 'stale',
  },
  'snapshot',
  () => ({ *disableSecondaryCpus() {} }),
);

export const savedUnmapped = twin(
  {
    name: 'saved-unmapped',
    summary: 'a page that debug_pagealloc has taken away is read as it is, and is not there',
    expect: 'spurious-fault',
  },
  'snapshot',
  () => ({ *mapPage() {} }),
);

export const unmappedNotFlushed = twin(
  {
    name: 'unmapped-not-flushed',
    summary:
      'a page that was mapped for a moment, to be saved, stays in the TLB: the noflush in the names means what it says',
    expect: 'stale',
  },
  'snapshot',
  () => ({
    *flushUnmapped(cpu) {
      yield* dsb(cpu, 'ishst');
      yield* isb(cpu);
    },
  }),
);

export const copyLeavesInvalid = twin(
  {
    name: 'copy-leaves-invalid',
    summary:
      'what is taken away in the kernel that resumes is not in the copy either: the image cannot be written there',
    expect: 'spurious-fault',
  },
  'transPgd',
  (good) => ({
    copyLeaf: (value) => {
      const copy = good.copyLeaf(value);
      return (value & PTE_VALID) !== 0n ? copy : (copy & ~PTE_VALID) | PTE_PRESENT_INVALID;
    },
  }),
);

export const copyKeepsReadOnly = twin(
  {
    name: 'copy-keeps-read-only',
    summary: 'what is read-only in the kernel that resumes is so in the copy: the image cannot be written there',
    expect: 'spurious-fault',
  },
  'transPgd',
  (good) => ({
    copyLeaf: (value) =>
      (value & PTE_RDONLY) === 0n ? good.copyLeaf(value) : (good.copyLeaf(value) & ~PTE_WRITE) | PTE_RDONLY,
  }),
);

export const switchedAtOnce = twin(
  {
    name: 'switched-at-once',
    summary:
      'TTBR1 goes from one root to the other without the empty one and a flush between: the TLB knows the old rights',
    expect: 'spurious-fault',
  },
  'resume',
  () => ({
    *switchTtbr1(cpu, _zeroPage, pageTable) {
      yield* msr(cpu, 'TTBR1_EL1', ttbr(pageTable));
      yield* isb(cpu);
    },
  }),
);

export const backWithoutFlush = twin(
  {
    name: 'back-without-flush',
    summary: 'swapper_pg_dir comes back as it was saved, and the TLB is full of the copy, in which all can be written',
    expect: 'stale',
  },
  'resume',
  () => ({
    *leaveCopy(cpu, k, roots) {
      yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.swapperPgDir));
      yield* isb(cpu);
      announceRestored(cpu, k);
      yield* freeCopy(cpu, k, roots);
    },
  }),
);

export const copyFreedInUse = twin(
  {
    name: 'copy-freed-in-use',
    summary: 'the copy is given back while TTBR1 still holds it',
    expect: 'table-lifetime',
  },
  'resume',
  () => ({
    *leaveCopy(cpu, k, roots) {
      yield* freeCopy(cpu, k, roots);
      yield* breakBeforeMakeTtbrSwitch(cpu, k.symbols.reservedPgDir, k.symbols.swapperPgDir);
      announceRestored(cpu, k);
    },
  }),
);

export const hibernateTwins: readonly Scenario[] = [
  secondariesStayOn,
  savedUnmapped,
  unmappedNotFlushed,
  copyLeavesInvalid,
  copyKeepsReadOnly,
  switchedAtOnce,
  backWithoutFlush,
  copyFreedInUse,
];
