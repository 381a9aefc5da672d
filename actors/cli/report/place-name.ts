import { formatVa, vaFromBits } from '../../../src/arch/address.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { isImage } from '../../../src/kernel/address-space.ts';
import { idmapFlag } from '../../../src/kernel/boot/idmap.ts';
import { type Kernel, percpuVariable, VARIABLES } from '../../../src/kernel/kernel.ts';
import { VM_AREA_RECORD_BYTES, VM_AREAS, vmAreaStart } from '../../../src/kernel/vmalloc/vm-area.ts';

/** What a kernel engineer calls an address: `online[3]`, `swapper_pg_dir`, `linear+0x1e00000`; `vmalloc+0x...` from the first area on. */

/** Bytes between the per-CPU words of two CPUs; each has an `online` and a `stopWork`. */
const PERCPU_BYTES = 16;

/** The name of a virtual address; its digits where it has none. */
export function placeName(k: Kernel, va: number): string {
  return kernelName(k, va) ?? (va >= FIXMAP ? `fixmap:${physicalName(k, va - FIXMAP)}` : formatVa(va));
}

/** The name of a physical address: a root table, or its digits. */
export function physicalName(k: Kernel, pa: number): string {
  const { swapperPgDir, reservedPgDir, idmapPgDir } = k.symbols;
  if (pa === swapperPgDir) return 'swapper_pg_dir';
  if (pa === reservedPgDir) return 'reserved_pg_dir';
  if (pa === idmapPgDir) return 'idmap_pg_dir';
  return `0x${pa.toString(16)}`;
}

/** `text` with its virtual addresses (16 digits) by name; `0x...a..0x...b` becomes `linear+0xa..0xb`. */
export function namePlaces(k: Kernel, text: string): string {
  return text.replace(/0x([0-9a-f]{16})(?:\.\.0x([0-9a-f]{16}))?/g, (whole, from: string, to: string | undefined) => {
    const va = vaFromBits(BigInt(`0x${from}`));
    const name = kernelName(k, va);
    if (name === undefined) return whole;
    return to === undefined ? name : `${name}..${offsetName(k, vaFromBits(BigInt(`0x${to}`)))}`;
  });
}

function kernelName(k: Kernel, va: number): string | undefined {
  const { space, symbols } = k;
  if (va === idmapFlag(k)) return 'idmap:flag';
  if (va === symbols.idmapText) return 'idmap:text';
  for (const name of VARIABLES) if (symbols.variables[name] === va) return name;
  const word = va - percpuVariable(k, 0, 'online');
  if (word >= 0 && word < k.board.cpus.length * PERCPU_BYTES)
    return `${word % PERCPU_BYTES < 8 ? 'online' : 'stopWork'}[${Math.floor(word / PERCPU_BYTES)}]`;
  const record = va - symbols.vmAreas;
  if (record >= 0 && record < VM_AREAS * VM_AREA_RECORD_BYTES)
    return `vmap_area[${Math.floor(record / VM_AREA_RECORD_BYTES)}]+${record % VM_AREA_RECORD_BYTES}`;
  if (va >= space.pageOffset && va < space.pageEnd) return `linear+0x${(va - space.pageOffset).toString(16)}`;
  if (isImage(space, va)) return `image+0x${(va - space.kimageVaddr).toString(16)}`;
  if (va >= vmAreaStart(space, 0) && va < vmAreaStart(space, VM_AREAS))
    return `vmalloc+0x${(va - vmAreaStart(space, 0)).toString(16)}`;
  return undefined;
}

/** The end of a span whose start has been named. */
function offsetName({ space }: Kernel, end: number): string {
  const areas = vmAreaStart(space, 0);
  const base = end <= space.pageEnd ? space.pageOffset : end > areas ? areas : space.kimageVaddr;
  return `0x${(end - base).toString(16)}`;
}
