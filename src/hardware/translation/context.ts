import { CONTROL_ROOTS_EPOCH, type Cpu, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT } from '../cpu.ts';
import { refetch } from '../memory/instruction-memory.ts';
import { type Memory, wordOf } from '../memory/memory.ts';
import { forgetEarly, ROOT1_CACHED } from './early-translation.ts';

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

/** TTBR1 leads to `root` from here on, and the walk cache still to where it led before: from an empty root that is nowhere. */
function keepsTables({ doubles, memory }: Cpu, root: number): void {
  const before = doubles[ROOT1_CACHED]! < 0 ? doubles[ROOT1]! : doubles[ROOT1_CACHED]!;
  doubles[ROOT1_CACHED] = before < 0 || before === root || isEmpty(memory, before) ? -1 : before;
}

function isEmpty(memory: Memory, table: number): boolean {
  const first = 2 * wordOf(memory, table);
  for (let at = first; at < first + memory.pageBytes / 4; at += 2) if ((memory.halves[at]! & 1) !== 0) return false;
  return true;
}
