import { CONTROL_ROOTS_EPOCH, type Cpu, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT } from '../cpu.ts';
import { refetch } from '../memory/instruction-memory.ts';
import { forgetEarly } from './early-translation.ts';

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
    cpu.doubles[ROOT1] = cpu.regime1.root;
    cpu.doubles[ROOT1_NEXT] = -1;
  }
  if ((cpu.sysregs.SCTLR_EL1 & 1n) !== 0n) cpu.mmuOn = true;
  Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
}
