import { CONTROL_ROOTS_EPOCH, type Cpu, classNumber, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT } from '../hardware/cpu.ts';
import { CPU_DOUBLES, CPU_WORDS } from '../hardware/memory/layout.ts';
import { CPU_BBM, CPU_POWER } from '../hardware/tlbi/dvm.ts';

/** The CPU that could be hurt most; `cpu` -1: nobody's TTBRs hold the root, and `bbm` is the class of who asks. */
export interface Walker {
  /** BBM class as a number, 0 the weakest. */
  readonly bbm: number;
  readonly cpu: number;
}

/** The weakest powered CPU whose TTBRs hold, or are about to hold, the root; looked up anew when any TTBR changed. */
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
      const reaches = [ROOT0, ROOT1, ROOT0_NEXT, ROOT1_NEXT].some((word) => doubles[at + word] === rootPa);
      const bbm = cpu.dvm.cpuWords[id * CPU_WORDS + CPU_BBM]!;
      if (reaches && (answer.cpu < 0 || bbm < answer.bbm)) answer = { bbm, cpu: id };
    }
    return answer;
  };
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
