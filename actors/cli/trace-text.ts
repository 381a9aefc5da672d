import { formatVa } from '../../src/arch/address.ts';
import { faultCode } from '../../src/arch/fault.ts';
import { BARRIERS, REGISTERS, TLBI_NAMES } from '../../src/hardware/instructions.ts';
import type { TraceRecord } from '../../src/hardware/trace.ts';
import { type Kernel, VARIABLES } from '../../src/kernel/kernel.ts';
import { MARKS } from '../../src/kernel/marks.ts';
import { idmapFlag } from '../../src/kernel/idmap.ts';

/** One trace record in a few words, as it stands in a lane. */
export function recordText(record: TraceRecord, k: Kernel): string {
  const { kind, detail, address, value } = record;
  switch (kind) {
    case 'mark':
      return `* ${MARKS[detail] ?? detail}`;
    case 'store':
      return `STR ${place(k, address)} = ${small(value)}`;
    case 'rmw':
      return `LDADD ${place(k, address)} -> ${small(value)}`;
    case 'buffered':
      return `STR entry ${place(k, address)} = ${descriptor(value)}`;
    case 'filled-table':
      return `fill ${detail} entries at ${place(k, address)}`;
    case 'tlbi':
      return `TLBI ${TLBI_NAMES[detail]?.toUpperCase()}`;
    case 'dsb':
      return `DSB ${BARRIERS[detail]?.toUpperCase()}`;
    case 'isb':
      return 'ISB';
    case 'msr':
      return `MSR ${REGISTERS[detail]} = ${small(value)}`;
    case 'ipi':
      return `IPI to CPU ${detail}`;
    case 'fault':
      return `FAULT ${detail === faultCode('tlb-conflict') ? 'TLB conflict' : `0x${(detail & 0x3f).toString(16)}`} at ${place(k, address)}`;
    case 'speculative-fill':
      return `speculative fill ${place(k, address)}`;
    case 'allocate':
      return `allocate table 0x${address.toString(16)}`;
    case 'free':
      return `free table 0x${address.toString(16)}`;
    default:
      return kind;
  }
}

function small(value: bigint): string {
  const signed = BigInt.asIntN(64, value);
  return signed > -1000n && signed < 1000n ? String(signed) : `0x${value.toString(16)}`;
}

function descriptor(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

/** The name of a kernel variable, or the address. */
function place(k: Kernel, address: number): string {
  if (address === idmapFlag(k)) return 'idmap:flag';
  for (const name of VARIABLES) if (k.symbols.variables[name] === address) return name;
  if (address >= 2 ** 52) return `fixmap:0x${(address - 2 ** 52).toString(16)}`;
  return formatVa(address);
}
