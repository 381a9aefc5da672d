import { CONTROL_ROOTS_EPOCH, type Cpu, classNumber, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT } from '../hardware/cpu.ts';
import { CPU_DOUBLES, CPU_WORDS } from '../hardware/memory/layout.ts';
import { ahead, CPU_APPLIED, CPU_BBM, CPU_POWER, TLBI_ALL } from '../hardware/tlbi/dvm.ts';
import { ROOT1_CACHED, ROOT1_CACHED_SINCE, SEVERAL_ROOTS } from '../hardware/translation/early-translation.ts';
import { removalsDue } from './invalidation/removals-due.ts';

/** The CPU that could be hurt most; `cpu` -1: nobody's TTBRs hold the root, and `bbm` is the class of who asks. */
export interface Walker {
  /** BBM class as a number, 0 the weakest. */
  readonly bbm: number;
  readonly cpu: number;
}

/**
 * The weakest powered CPU whose TTBRs hold, or are about to hold, the root, or whose walk cache may still lead into it; looked up anew when
 * any TTBR changed.
 */
export function weakestWalker(): (cpu: Cpu, rootPa: number) => Walker {
  let epoch = -1;
  let root = Number.NaN;
  let answer: Walker = { bbm: 4, cpu: -1 };
  return (cpu, rootPa) => {
    const now = Atomics.load(cpu.memory.control, CONTROL_ROOTS_EPOCH);
    if (now === epoch && root === rootPa) return answer;
    epoch = now;
    root = rootPa;
    answer = { bbm: classNumber(cpu.model), cpu: -1 };
    const doubles = cpu.allDoubles;
    for (let id = 0; id < cpu.dvm.cpuCount; id++) {
      if (!isPowered(cpu, id)) continue;
      const at = id * CPU_DOUBLES;
      const bbm = cpu.dvm.cpuWords[id * CPU_WORDS + CPU_BBM]!;
      if (answer.cpu >= 0 && bbm >= answer.bbm) continue;
      if (doubles[at + ROOT1_CACHED]! >= 0) epoch = -1; // until a TLBI has completed, of which no TTBR tells
      if (holdsRoot(cpu, id, rootPa) || keepsTablesOf(cpu, id, rootPa)) answer = { bbm, cpu: id };
    }
    return answer;
  };
}

/** A TTBR of CPU `id` holds the root, or is about to. */
export function holdsRoot({ allDoubles }: Cpu, id: number, rootPa: number): boolean {
  return [ROOT0, ROOT1, ROOT0_NEXT, ROOT1_NEXT].some((word) => allDoubles[id * CPU_DOUBLES + word] === rootPa);
}

/**
 * The root that TTBR1 of CPU `id` held before, while its walk cache may still lead there: no TLBI has emptied that since, none of its own and
 * none that is due. -1: there is none; `SEVERAL_ROOTS`. TLBIs by address and by ASID do not count: what else a walk cache holds of a
 * tree, nobody knows.
 */
export function cachedRootOf({ allDoubles, dvm }: Cpu, id: number): number {
  const at = id * CPU_DOUBLES + ROOT1_CACHED;
  const root = allDoubles[at]!;
  if (root < 0) return -1;
  const since = allDoubles[id * CPU_DOUBLES + ROOT1_CACHED_SINCE]!;
  const applied = Atomics.load(dvm.cpuWords, id * CPU_WORDS + CPU_APPLIED);
  const due = removalsDue(dvm, ahead(since, applied) > 0 ? since : applied);
  const emptied = due === 'everything' || due.some(({ flags }) => (flags & TLBI_ALL) !== 0);
  return emptied || allDoubles[at] !== root ? -1 : root; // it may have been carried out just now
}

export function keepsTablesOf(cpu: Cpu, id: number, rootPa: number): boolean {
  const root = cachedRootOf(cpu, id);
  return root === rootPa || root === SEVERAL_ROOTS;
}

/** The boot CPU needs nobody to switch it on. */
function isPowered(cpu: Cpu, id: number): boolean {
  return id === 0 || Atomics.load(cpu.dvm.cpuWords, id * CPU_WORDS + CPU_POWER) !== 0;
}

/** No other CPU has power: what this one invalidates for itself is invalidated everywhere. */
export function isAlone(cpu: Cpu): boolean {
  for (let id = 0; id < cpu.dvm.cpuCount; id++) if (id !== cpu.id && isPowered(cpu, id)) return false;
  return true;
}
