import { boundary } from '../boundary.ts';
import { CONTROL_ROOTS_EPOCH, type Cpu, ROOT0_NEXT, ROOT1_NEXT } from '../cpu.ts';
import type { Op } from '../op.ts';
import { note } from '../trace.ts';
import type { Regime, TranslationRegisters } from '../translation/regime.ts';

/** A register's number in the trace is its index here. */
export const REGISTERS: readonly (keyof TranslationRegisters)[] = [
  'TCR_EL1',
  'TTBR0_EL1',
  'TTBR1_EL1',
  'MAIR_EL1',
  'SCTLR_EL1',
];

/** MSR to a translation register: in force from the next context synchronisation event at the latest. */
export function* msr(cpu: Cpu, register: keyof TranslationRegisters, value: bigint): Op {
  const stop = boundary(cpu, 'msr', 0);
  if (stop !== undefined) yield stop;
  const { regime0, regime1, unsynchronised0, unsynchronised1 } = cpu;
  cpu.sysregs = { ...cpu.sysregs, [register]: value };
  if (register !== 'SCTLR_EL1') {
    cpu.unsynchronised0 = cpu.regimes(cpu.sysregs, 0);
    cpu.unsynchronised1 = cpu.regimes(cpu.sysregs, 1);
    cpu.doubles[ROOT0_NEXT] = cpu.unsynchronised0.root;
    cpu.doubles[ROOT1_NEXT] = cpu.unsynchronised1.root;
    Atomics.add(cpu.memory.control, CONTROL_ROOTS_EPOCH, 1);
  }
  cpu.step = note(cpu.trace, 'msr', REGISTERS.indexOf(register), 0, value);
  if (register === 'SCTLR_EL1' && !cpu.mmuOn && (value & 1n) !== 0n) cpu.observer.translationOn(cpu);
  tellOfRoot(cpu, cpu.unsynchronised0, regime0, unsynchronised0);
  tellOfRoot(cpu, cpu.unsynchronised1, regime1, unsynchronised1);
}

/** From the write on, before any ISB, the walker may begin at `written`, if it could not already. */
function tellOfRoot(cpu: Cpu, written?: Regime, inForce?: Regime, before?: Regime): void {
  if (written === undefined || written.root === inForce?.root || written.root === before?.root) return;
  cpu.observer.rootWritten(cpu, written);
}
