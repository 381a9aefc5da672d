import { BARRIERS } from '../../hardware/instruction/barrier.ts';
import { REGISTERS } from '../../hardware/instruction/system-register.ts';
import { traceOf } from '../../hardware/system.ts';
import { TLBI_NAMES } from '../../hardware/tlbi/tlbi.ts';
import type { TraceRecord } from '../../hardware/trace.ts';
import type { Shrunk } from './shrink.ts';

/** Something a run had begun when it failed, and what would have completed it. */
export interface OpenEnd {
  readonly record: TraceRecord;
  /**
   * `DSB`: a store to a table that walkers may not see; `DSB ISH`, `DSB NSH`: a TLBI that may not have arrived; `ISB`: a
   * register that may not be in force; `TLBI`: a walk that the hardware made by itself, and no TLBI of its CPU since.
   */
  readonly lacks: 'DSB' | 'DSB ISH' | 'DSB NSH' | 'ISB' | 'TLBI';
}

const MOST_RECORDS = 512;

/** Read from the trace of the failing run, which must be the last that its machine has run; in order. */
export function openEnds({ interleaver }: Pick<Shrunk, 'interleaver'>): OpenEnd[] {
  const open: OpenEnd[] = [];
  for (const record of traceOf(interleaver.machine, MOST_RECORDS)) {
    const closed = open.filter((end) => closes(record, end));
    for (const end of closed) open.splice(open.indexOf(end), 1);
    const lacks = lackOf(record);
    if (lacks !== undefined) open.push({ record, lacks });
  }
  return open;
}

function lackOf({ kind, detail }: TraceRecord): OpenEnd['lacks'] | undefined {
  if (kind === 'buffered' || kind === 'filled-table') return 'DSB';
  if (kind === 'tlbi') return isBroadcast(detail) ? 'DSB ISH' : 'DSB NSH';
  if (kind === 'msr' && REGISTERS[detail]?.startsWith('TTBR')) return 'ISB';
  return kind === 'speculative-fill' ? 'TLBI' : undefined;
}

function closes({ cpu, kind, detail }: TraceRecord, { record, lacks }: OpenEnd): boolean {
  if (lacks === 'TLBI') return kind === 'tlbi' && (cpu === record.cpu || isBroadcast(detail));
  if (cpu !== record.cpu) return false;
  if (kind === 'isb') return lacks === 'ISB';
  if (kind !== 'dsb') return false;
  const form = BARRIERS[detail];
  return (
    lacks === 'DSB' ||
    (lacks === 'DSB NSH' && (form === 'nsh' || form === 'ish')) ||
    (lacks === 'DSB ISH' && form === 'ish')
  );
}

function isBroadcast(detail: number): boolean {
  const name = TLBI_NAMES[detail] ?? '';
  return name.endsWith('is') || name.endsWith('os');
}
