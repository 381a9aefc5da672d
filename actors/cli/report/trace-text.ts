import { formatSize } from '../../../src/arch/address.ts';
import { faultOf } from '../../../src/arch/fault.ts';
import { BARRIERS } from '../../../src/hardware/instruction/barrier.ts';
import { REGISTERS } from '../../../src/hardware/instruction/system-register.ts';
import type { Memory } from '../../../src/hardware/memory/memory.ts';
import { type Place, placeOf } from '../../../src/hardware/memory/table-word.ts';
import { TLBI_NAMES } from '../../../src/hardware/tlbi/tlbi.ts';
import type { TraceRecord } from '../../../src/hardware/trace.ts';
import { UPDATE_DIRTY } from '../../../src/hardware/translation/hafdbs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { MARKS } from '../../../src/kernel/marks.ts';
import { entryName, entryText } from '../../../src/kernel/tables/entry-text.ts';
import { WARNINGS } from '../../../src/kernel/warn.ts';
import { physicalName, placeName } from './place-name.ts';

/** What a record's text is made with. `memory` tells where in its tree a table page hangs. */
export interface TraceContext {
  readonly k: Kernel;
  readonly memory: Memory;
}

/** One trace record in a few words, as it stands in a lane. */
export function recordText(record: TraceRecord, { k, memory }: TraceContext): string {
  const { kind, detail, address, extra, value } = record;
  switch (kind) {
    case 'mark':
      return `* ${MARKS[detail] ?? detail}`;
    case 'store':
      return `STR ${placeName(k, address)} = ${small(value)}`;
    case 'load':
      return entryAccess(
        'LDR',
        k,
        `linear+0x${(address - k.space.memstart).toString(16)}`,
        value,
        placeOf(memory, extra),
      );
    case 'rmw':
      return `LDADD ${placeName(k, address)} -> ${small(value)}`;
    case 'buffered':
      return entryAccess('STR', k, placeName(k, address), value, placeOf(memory, extra));
    case 'filled-table':
      return fill(k, detail, extra, placeOf(memory, extra));
    case 'tlbi':
      return `TLBI ${tlbiText(k, record)}`;
    case 'fetch':
      return `execute ${value === 0n ? 'NOP' : 'B'} at ${placeName(k, address)}${detail === 1 ? ', as it was' : ''}`;
    case 'dc-cvau':
      return `DC CVAU ${placeName(k, address)}`;
    case 'ic-ivau':
      return `IC IVAU ${placeName(k, address)}`;
    case 'dsb':
      return `DSB ${BARRIERS[detail]?.toUpperCase()}`;
    case 'isb':
      return 'ISB';
    case 'msr':
      return `MSR ${REGISTERS[detail]} = ${registerText(k, REGISTERS[detail], value)}`;
    case 'smc':
      return `SMC RSI_IPA_STATE_SET ${physicalName(k, address)} to ${value === 0n ? 'EMPTY' : 'RAM'}${detail === 0 ? ': refused' : ''}`;
    case 'ipi':
      return `IPI to CPU ${detail}`;
    case 'fault':
      return `FAULT ${faultText(detail, address)} at ${placeName(k, address)}`;
    case 'conflict':
      return `TLB ${detail === 0 ? 'conflict abort' : 'amalgamation'} at ${placeName(k, address)}`;
    case 'speculative-fill':
      return `walker fills ${formatSize(2 ** detail)} ${placeName(k, address)}`;
    case 'hardware-update':
      return `walker makes ${placeName(k, address)} ${detail === UPDATE_DIRTY ? 'dirty' : 'young'}`;
    case 'allocate':
      return address < 0 ? 'allocate table: -ENOMEM' : `allocate table ${physicalName(k, address)}`;
    case 'warn':
      return `WARNING: ${WARNINGS[detail] ?? detail}() at ${placeName(k, address)}`;
    case 'free':
      return `free table ${physicalName(k, address)}`;
    default:
      return kind;
  }
}

/** Equal for steps that do the same thing, wherever they do it. */
export function recordShape(record: TraceRecord, context: TraceContext): string {
  return recordText(record, context).replace(/0x[0-9a-f]+|\bCPU \d+/g, '');
}

/** `name`: of the entry's own address. */
function entryAccess(access: 'LDR' | 'STR', k: Kernel, name: string, value: bigint, place: Place | undefined): string {
  if (place === undefined) return `${access} ${name} = 0x${value.toString(16)}`;
  const entry = `${entryName(place.level, k.space.startLevel)} ${placeName(k, place.va)}`;
  return `${access} ${entry}: ${entryText(value, place.level, place.va, k.space)}`;
}

function fill(k: Kernel, count: number, pa: number, place: Place | undefined): string {
  if (place === undefined) return `fill ${count} entries of ${physicalName(k, pa)}`;
  return `fill ${count} ${entryName(place.level, k.space.startLevel)}s ${placeName(k, place.va)}`;
}

/** The operation, and what it covers unless that is everything. */
function tlbiText(k: Kernel, { detail, address, extra }: TraceRecord): string {
  const name = TLBI_NAMES[detail] ?? 'none';
  if (!name.includes('va')) return name.toUpperCase();
  const pages = Math.round((extra - address) / k.space.granule.pageBytes);
  return `${name.toUpperCase()} ${placeName(k, address)}${pages > 1 ? ` + ${pages} pages` : ''}`;
}

function faultText(code: number, va: number): string {
  const fault = faultOf(code, { va, access: 'read', el: 1 });
  if (fault === undefined) return `0x${code.toString(16)}`;
  return 'level' in fault && fault.level !== undefined ? `${fault.kind} L${fault.level}` : fault.kind;
}

function registerText(k: Kernel, register: string | undefined, value: bigint): string {
  return register?.startsWith('TTBR') ? physicalName(k, Number(value & 0x0000_ffff_ffff_fffen)) : small(value);
}

function small(value: bigint): string {
  const signed = BigInt.asIntN(64, value);
  return signed > -1000n && signed < 1000n ? String(signed) : `0x${value.toString(16)}`;
}
