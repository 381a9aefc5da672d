import { boundary } from '../boundary.ts';
import { DSBS, ISBS } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import type { Op } from '../op.ts';
import { buffered, drainEverything } from '../store-buffer/drain.ts';
import { complete, type DvmRecord, issued } from '../tlbi/dvm.ts';
import { applyRecord, applyUpTo } from '../tlbi/maintenance.ts';
import { note } from '../trace.ts';
import { synchroniseContext } from '../translation/context.ts';
import { completedOwn, SEEN_BY_OWN_WALKER } from '../translation/early-translation.ts';
import { completeText } from './instruction-cache.ts';

export type Barrier = 'ish' | 'ishst' | 'nsh' | 'nshst';

/** A form's number in the trace is its index here. */
export const BARRIERS: readonly Barrier[] = ['ish', 'ishst', 'nsh', 'nshst'];
const NUMBER: Readonly<Record<Barrier, number>> = { ish: 0, ishst: 1, nsh: 2, nshst: 3 };

/**
 * DSB. `ish` and `ishst` make this CPU's stores visible to all, `nsh` and `nshst` to its own walker: the others may go on
 * without. The forms for all accesses also complete its TLBIs: `ish` broadcast and local ones, `nsh` the local ones. Its
 * cache maintenance is completed by `ish`.
 */
export function* dsb(cpu: Cpu, barrier: Barrier): Op {
  const stop = boundary(cpu, 'dsb', 0);
  if (stop !== undefined) yield stop;
  cpu.counts[DSBS]!++;
  if (barrier === 'ish' || barrier === 'ishst') drainEverything(cpu);
  else if (buffered(cpu) > 0) cpu.doubles[SEEN_BY_OWN_WALKER] = 1;
  if ((barrier === 'ish' || barrier === 'nsh') && cpu.ownLocal.length > 0) {
    for (const local of cpu.ownLocal) applyRecord(cpu, local);
    completedOwn(cpu);
    cpu.observer.tlbisCompleted(cpu, cpu.ownLocal, false);
    empty(cpu.ownLocal);
  }
  if (barrier === 'ish' && cpu.ownBroadcast.length > 0) {
    complete(cpu.dvm, cpu.id, cpu.ownTicket, cpu.relax);
    applyUpTo(cpu, issued(cpu.dvm));
    completedOwn(cpu);
    cpu.observer.tlbisCompleted(cpu, cpu.ownBroadcast, true);
    empty(cpu.ownBroadcast);
  }
  if (barrier === 'ish' && cpu.ownText.length > 0) completeText(cpu);
  cpu.step = note(cpu.trace, 'dsb', NUMBER[barrier], 0, 0n);
  cpu.orderedStep = cpu.step;
}

/** One by one: the engine takes longer to set a length than to carry out a TLBI. */
function empty(records: DvmRecord[]): void {
  while (records.length > 0) records.pop();
}

/** ISB: writes to translation registers take effect, and what follows is fetched and translated anew. */
export function* isb(cpu: Cpu): Op {
  const stop = boundary(cpu, 'isb', 0);
  if (stop !== undefined) yield stop;
  cpu.counts[ISBS]!++;
  synchroniseContext(cpu);
  note(cpu.trace, 'isb', 0, 0, 0n);
}
