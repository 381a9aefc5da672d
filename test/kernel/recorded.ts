import type { Cpu } from '../../src/hardware/cpu.ts';
import { BARRIERS } from '../../src/hardware/instruction/barrier.ts';
import type { Op } from '../../src/hardware/op.ts';
import { TLBI_NAMES } from '../../src/hardware/tlbi/tlbi.ts';
import { type TraceRecord, tail } from '../../src/hardware/trace.ts';
import { complete } from './boot-cpu.ts';

/** What one CPU did during an operation, from its trace: `dsb ishst`, `tlbi vaale1is 0x...`, `buffered`, `isb` ... */
export function recorded<T>(cpu: Cpu, operation: Op<T>): { readonly result: T; readonly did: string[] } {
  const before = tail(cpu.trace, cpu.id, 1).at(-1)?.step ?? -1;
  const result = complete(operation);
  const records = tail(cpu.trace, cpu.id, cpu.trace.records).filter(({ step }) => step > before);
  if (records.length === cpu.trace.records) throw new Error('the operation did more than the trace holds');
  return { result, did: records.map(spelled) };
}

function spelled({ kind, detail, value }: TraceRecord): string {
  if (kind === 'dsb') return `dsb ${BARRIERS[detail]}`;
  if (kind === 'tlbi') return `tlbi ${TLBI_NAMES[detail]}${value === 0n ? '' : ` 0x${value.toString(16)}`}`;
  return kind;
}

/** Barriers and TLBIs of an operation, the latter without operands. */
export function maintenance(cpu: Cpu, operation: Op<unknown>): string[] {
  const { did } = recorded(cpu, operation);
  return did.filter((each) => /^(dsb|isb|tlbi)/.test(each)).map((each) => each.replace(/ 0x.*/, ''));
}

/** `store store store tlbi` as `store x3, tlbi`. */
export function counted(did: readonly string[]): string[] {
  const runs: [string, number][] = [];
  for (const each of did) {
    const last = runs.at(-1);
    if (last?.[0] === each) last[1] += 1;
    else runs.push([each, 1]);
  }
  return runs.map(([each, count]) => (count === 1 ? each : `${each} x${count}`));
}
