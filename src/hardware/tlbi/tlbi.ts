import { TLBI, type TlbiName } from '../../arch/tlbi.ts';
import { decodeRangeOperand, decodeVaOperand } from '../../arch/tlbi-operand.ts';
import { fitsGranule } from '../../arch/tlbi-scope.ts';
import { boundary } from '../boundary.ts';
import { TLBIS } from '../counters.ts';
import type { Cpu } from '../cpu.ts';
import type { Op } from '../op.ts';
import { note } from '../trace.ts';
import {
  type DvmRecord,
  issue,
  issued,
  TLBI_ALL,
  TLBI_ANY_ASID,
  TLBI_BY_ASID,
  TLBI_HINT_SHIFT,
  TLBI_HINTED,
  TLBI_LAST_LEVEL,
  TLBI_VOID,
} from './dvm.ts';
import { applyRecord } from './maintenance.ts';

/** An operation's number in the trace is its index here. */
export const TLBI_NAMES = Object.keys(TLBI) as TlbiName[];
const NUMBER = Object.fromEntries(TLBI_NAMES.map((name, index) => [name, index])) as Readonly<Record<TlbiName, number>>;

/** TLBI. Broadcast forms go to the shared log; local ones act on this CPU alone, at once or by its next DSB. */
export function* tlbi(cpu: Cpu, name: TlbiName, operand = 0n): Op {
  const stop = boundary(cpu, 'tlbi', 0);
  if (stop !== undefined) yield stop;
  const record = tlbiRecord(cpu, name, operand);
  cpu.counts[TLBIS]!++;
  cpu.step = note(cpu.trace, 'tlbi', NUMBER[name], record.start, operand, record.end);
  if (TLBI[name].broadcast) {
    cpu.ownTicket = issue(cpu.dvm, cpu.id, record.flags, record.start, record.end, record.asid);
    cpu.ownBroadcast.push(record);
  } else {
    if (cpu.choose(2, 'deliver') === 0) applyRecord(cpu, record);
    cpu.ownLocal.push(record);
  }
  cpu.observer.tlbiIssued(cpu, record);
}

function tlbiRecord(cpu: Cpu, name: TlbiName, operand: bigint): DvmRecord {
  const operation = TLBI[name];
  const record: DvmRecord = {
    flags: 0,
    start: 0,
    end: 0,
    asid: 0,
    issuer: cpu.id,
    position: issued(cpu.dvm),
    orderedStep: cpu.orderedStep,
  };
  if (operation.lastLevelOnly) record.flags |= TLBI_LAST_LEVEL;
  if (!operation.byVa) {
    record.flags |= operation.allAsid ? TLBI_ALL : TLBI_BY_ASID;
    if (!operation.allAsid) record.asid = Number(operand >> 48n);
    record.start = -(2 ** 52);
    record.end = 2 ** 52;
    return record;
  }
  const extent = operation.range ? decodeRangeOperand(operand) : decodeVaOperand(operand);
  record.start = extent.start;
  record.end = extent.end;
  record.asid = extent.asid;
  if (operation.allAsid) record.flags |= TLBI_ANY_ASID;
  if (!operation.range && !cpu.model.features.ttl) return record; // the hint is RES0
  if (!fitsGranule(operation, extent, cpu.memory.pageShift)) record.flags |= TLBI_VOID;
  if (extent.ttl !== 0) record.flags |= TLBI_HINTED | (extent.ttl << TLBI_HINT_SHIFT);
  return record;
}
