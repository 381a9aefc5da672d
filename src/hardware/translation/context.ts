import { CONTROL_ROOTS_EPOCH, type Cpu, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT } from '../cpu.ts';
import { refetch } from '../memory/instruction-memory.ts';
import { type Memory, wordOf } from '../memory/memory.ts';
import { completed } from '../tlbi/dvm.ts';
import { forgetEarly, ROOT1_CACHED, ROOT1_CACHED_SINCE, SEVERAL_ROOTS } from './early-translation.ts';

/**
 * A context synchronisation event: ISB, exception entry or return. The registers as last written are in force, and what
 * follows is fetched and translated anew.
 */
export function synchroniseContext(cpu: Cpu): void {
  forgetEarly(cpu);
  refetch(cpu.memory, cpu.id);
  const switched = cpu.unsynchronised0 !== undefined || (!cpu.mmuOn && (cpu.sysregs.SCTLR_EL1 & 1n) !== 0n);
  if (!switched) return;
  if (cpu.unsynchronised0 !== undefined) {
    cpu.regime0 = cpu.unsynchronised0;
    cpu.unsynchronised0 = undefined;
    cpu.doubles[ROOT0] = cpu.regime0.root;
    cpu.doubles[ROOT0_NEXT] = -1;
  }
  if (cpu.unsynchronised1 !== undefined) {
    cpu.regime1 = cpu.unsynchronised1;
    cpu.unsynchronised1 = undefined;
    if (cpu.mmuOn) keepsTables(cpu, cpu.regime1.root);
    cpu.doubles[ROOT1] = cpu.regime1.root;
    cpu.doubles[ROOT1_NEXT] = -1;
  }
  if ((cpu.sysregs.SCTLR_EL1 & 1n) !== 0n) cpu.mmuOn = true;
  Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
}

/**
 * TTBR1 leads to `root` from here on, and the walk cache still to where it led before: from an empty root that is nowhere. TLBIs that have
 * completed by now emptied it before, and it may have been filled again.
 */
function keepsTables(cpu: Cpu, root: number): void {
  const { doubles, memory } = cpu;
  const [cached, left] = [doubles[ROOT1_CACHED]!, doubles[ROOT1]!];
  let kept = cached;
  if (left >= 0 && left !== root && !isEmpty(memory, left)) kept = cached < 0 || cached === left ? left : SEVERAL_ROOTS;
  doubles[ROOT1_CACHED_SINCE] = completed(cpu.dvm);
  doubles[ROOT1_CACHED] = kept === root ? -1 : kept;
}

function isEmpty(memory: Memory, table: number): boolean {
  const first = 2 * wordOf(memory, table);
  for (let at = first; at < first + memory.pageBytes / 4; at += 2) if ((memory.halves[at]! & 1) !== 0) return false;
  return true;
}
