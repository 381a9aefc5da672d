import { alignUp } from '../../arch/address.ts';
import { blockAllowed, levelBytes } from '../../arch/granule.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load, store } from '../../hardware/instruction/load-store.ts';
import { type Memory, read } from '../../hardware/memory/memory.ts';
import type { Op } from '../../hardware/op.ts';
import { type AddressSpace, imageVa } from '../address-space.ts';
import { IMAGE_FRAME, type Kernel } from '../kernel.ts';
import { spinLock, spinUnlock } from '../locking/locks.ts';

/**
 * The areas of the vmalloc space and who has them. Linux: struct vm_struct and struct vmap_area, mm/vmalloc.c.
 *
 * Linux keeps trees of areas of any size. Here the space behind the kernel image is cut into a few windows, and an area
 * begins where its window does: which addresses it gets is no matter of page tables. What matters is kept: the list lies in
 * the machine's memory, under Linux's locks, and addresses that have been given back are nobody's until a purge has flushed them.
 */

/** Of `VmStruct.flags`, as Linux numbers them. */
export const VM_IOREMAP = 0x1;
export const VM_ALLOC = 0x2;
export const VM_FLUSH_RESET_PERMS = 0x100;
export const VM_ALLOW_HUGE_VMAP = 0x400;

/** Linux: struct vm_struct. Its pages follow each other in physical memory, as those of Linux need not. */
export interface VmStruct {
  /** Which window. */
  readonly slot: number;
  readonly addr: number;
  readonly bytes: number;
  readonly flags: number;
  /** Physical address of the first page. */
  readonly pa: number;
}

export const VM_AREAS = 8;

/** What a window is: nobody's, an area, or unmapped but perhaps still cached. */
const FREE = 0n;
const BUSY = 1n;
const LAZY = 2n;

/** A record of the list, in bytes. */
export const VM_AREA_RECORD_BYTES = 64;
const STATE = 0;
const FLAGS = 8;
const BYTES = 16;
const PA = 24;

/** Bytes of a window: room for the largest block, or for two where that is one of level 2. */
function windowBytes({ granule }: AddressSpace): number {
  return granule.name === '4K' && blockAllowed(granule, 1) ? levelBytes(granule, 1) : 2 * levelBytes(granule, 2);
}

/** Where the area of window `slot` begins. */
export function vmAreaStart(space: AddressSpace, slot: number): number {
  const bytes = windowBytes(space);
  return alignUp(imageVa(space, space.end), bytes) + slot * bytes;
}

/** Which window `va` lies in; -1: none. */
function slotOf(space: AddressSpace, va: number): number {
  const slot = Math.floor((va - vmAreaStart(space, 0)) / windowBytes(space));
  return slot >= 0 && slot < VM_AREAS ? slot : -1;
}

const record = (k: Kernel, slot: number): number => k.symbols.vmAreas + slot * VM_AREA_RECORD_BYTES;

/** Linux: alloc_vmap_area(): a window that is free, and nobody else's from now on; -1: there is none. */
export function* allocVmapArea(cpu: Cpu, k: Kernel): Op<number> {
  yield* spinLock(cpu, k, 'free_vmap_area_lock');
  const slot = yield* firstIn(cpu, k, FREE);
  if (slot >= 0) yield* store(cpu, record(k, slot) + STATE, BUSY);
  yield* spinUnlock(cpu, k, 'free_vmap_area_lock');
  return slot;
}

function* firstIn(cpu: Cpu, k: Kernel, state: bigint): Op<number> {
  for (let slot = 0; slot < VM_AREAS; slot++) if ((yield* load(cpu, record(k, slot) + STATE)) === state) return slot;
  return -1;
}

/** Linux: insert_vmap_area() and setup_vmalloc_vm(): from here on `findVmArea` knows of it. */
export function* insertVmArea(cpu: Cpu, k: Kernel, { slot, bytes, flags, pa }: VmStruct): Op {
  yield* spinLock(cpu, k, 'vn->busy.lock');
  yield* store(cpu, record(k, slot) + FLAGS, BigInt(flags));
  yield* store(cpu, record(k, slot) + PA, BigInt(pa));
  yield* store(cpu, record(k, slot) + BYTES, BigInt(bytes));
  yield* spinUnlock(cpu, k, 'vn->busy.lock');
}

/** Linux: find_vm_area(): the area that `va` lies in. */
export function* findVmArea(cpu: Cpu, k: Kernel, va: number): Op<VmStruct | undefined> {
  const slot = slotOf(k.space, va);
  if (slot < 0) return undefined;
  yield* spinLock(cpu, k, 'vn->busy.lock');
  const area = yield* readArea(cpu, k, slot);
  yield* spinUnlock(cpu, k, 'vn->busy.lock');
  return area !== undefined && va < area.addr + area.bytes ? area : undefined;
}

function* readArea(cpu: Cpu, k: Kernel, slot: number): Op<VmStruct | undefined> {
  const bytes = Number(yield* load(cpu, record(k, slot) + BYTES));
  if (bytes === 0) return undefined;
  const flags = Number(yield* load(cpu, record(k, slot) + FLAGS));
  const pa = Number(yield* load(cpu, record(k, slot) + PA));
  return { slot, addr: vmAreaStart(k.space, slot), bytes, flags, pa };
}

/** Linux: find_unlink_vmap_area(): the area that begins at `addr`, which nobody finds any more. */
export function* findUnlinkVmArea(cpu: Cpu, k: Kernel, addr: number): Op<VmStruct | undefined> {
  const slot = slotOf(k.space, addr);
  if (slot < 0 || addr !== vmAreaStart(k.space, slot)) return undefined;
  yield* spinLock(cpu, k, 'vn->busy.lock');
  const area = yield* readArea(cpu, k, slot);
  if (area !== undefined) yield* store(cpu, record(k, slot) + BYTES, 0n);
  yield* spinUnlock(cpu, k, 'vn->busy.lock');
  return area;
}

/** Linux: free_vmap_area_noflush(): unmapped, and to be flushed some time; until then nobody gets these addresses. */
export function* freeVmapAreaNoflush(cpu: Cpu, k: Kernel, { slot, bytes }: VmStruct): Op {
  yield* spinLock(cpu, k, 'vn->lazy.lock');
  yield* store(cpu, record(k, slot) + STATE, LAZY | (BigInt(bytes) << 8n));
  yield* spinUnlock(cpu, k, 'vn->lazy.lock');
}

/** Addresses to be flushed, of one window. */
export interface LazyArea {
  readonly slot: number;
  readonly start: number;
  readonly end: number;
}

/** All areas that wait for a flush. Whoever asks holds vmap_purge_lock, and gives them back. */
export function* lazyAreas(cpu: Cpu, k: Kernel): Op<LazyArea[]> {
  const lazy: LazyArea[] = [];
  yield* spinLock(cpu, k, 'vn->lazy.lock');
  for (let slot = 0; slot < VM_AREAS; slot++) {
    const word = yield* load(cpu, record(k, slot) + STATE);
    if ((word & 0xffn) !== LAZY) continue;
    const start = vmAreaStart(k.space, slot);
    lazy.push({ slot, start, end: start + Number(word >> 8n) });
  }
  yield* spinUnlock(cpu, k, 'vn->lazy.lock');
  return lazy;
}

/** Linux: reclaim_list_global(): anybody may have these addresses now. */
export function* giveBackVmapAreas(cpu: Cpu, k: Kernel, slots: readonly number[]): Op {
  yield* spinLock(cpu, k, 'free_vmap_area_lock');
  for (const slot of slots) yield* store(cpu, record(k, slot) + STATE, FREE);
  yield* spinUnlock(cpu, k, 'free_vmap_area_lock');
}

/** The areas there are, read by somebody who is not a CPU. */
export function vmAreasAt(memory: Memory, { space }: Pick<Kernel, 'space'>): VmStruct[] {
  const first = memory.imagePa + IMAGE_FRAME.vmAreas * memory.pageBytes;
  const areas = Array.from({ length: VM_AREAS }, (_, slot): VmStruct => {
    const word = (at: number): number => Number(read(memory, first + slot * VM_AREA_RECORD_BYTES + at));
    return { slot, addr: vmAreaStart(space, slot), bytes: word(BYTES), flags: word(FLAGS), pa: word(PA) };
  });
  return areas.filter(({ bytes }) => bytes > 0);
}
