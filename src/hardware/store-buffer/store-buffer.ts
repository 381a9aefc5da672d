import { clearPending } from '../memory/frame.ts';
import { type Layout, STORE_BUFFER_ENTRY_BYTES } from '../memory/layout.ts';
import { exchange, frameOf, type Memory } from '../memory/memory.ts';

/**
 * One CPU's page-table stores that walkers cannot see yet. They leave out of order across addresses, in order for one
 * address, at a DSB or whenever the CPU likes. A page filled by plain stores counts as one entry ("fill").
 */
export interface StoreBuffer {
  readonly capacity: number;
  readonly pa: Float64Array;
  readonly value: BigUint64Array;
  readonly isFill: Uint8Array;
  readonly count: Int32Array;
}

/** Told of every table word at the moment the world can see it: where, and what was there before. */
export type Visible = (pa: number, before: bigint, after: bigint) => void;

export function attachStoreBuffer(
  buffer: SharedArrayBuffer,
  layout: Layout,
  cpu: number,
  geometry: { entries: number },
): StoreBuffer {
  const capacity = geometry.entries;
  const base = layout.storeBuffer[cpu]!;
  if (STORE_BUFFER_ENTRY_BYTES < 8 + 8 + 1) throw new Error('store buffer columns do not fit their region');
  return {
    capacity,
    count: new Int32Array(buffer, base, 1),
    pa: new Float64Array(buffer, base + 8, capacity),
    value: new BigUint64Array(buffer, base + 8 + capacity * 8, capacity),
    isFill: new Uint8Array(buffer, base + 8 + capacity * 16, capacity),
  };
}

export function isFull(stores: StoreBuffer): boolean {
  return stores.count[0]! >= stores.capacity;
}

export function pushStore(stores: StoreBuffer, pa: number, value: bigint, isFill = 0): void {
  const at = stores.count[0]!;
  if (at >= stores.capacity) throw new Error('store buffer overflow: drain before pushing');
  stores.pa[at] = pa;
  stores.value[at] = value;
  stores.isFill[at] = isFill;
  stores.count[0] = at + 1;
}

/** The youngest buffered value for the word at `pa`, or undefined: a CPU sees its own stores. */
export function forwarded(stores: StoreBuffer, pa: number): bigint | undefined {
  for (let i = stores.count[0]! - 1; i >= 0; i--)
    if (stores.isFill[i] === 0 && stores.pa[i] === pa) return stores.value[i];
  return undefined;
}

/** Makes entry `pick`, or an older one for the same address, visible to everybody. */
export function drainOne(stores: StoreBuffer, memory: Memory, pick: number, visible: Visible): void {
  let at = 0;
  while (stores.pa[at] !== stores.pa[pick]) at++;
  const pa = stores.pa[at]!;
  const value = stores.value[at]!;
  const isFill = stores.isFill[at]!;
  const last = stores.count[0]! - 1;
  for (let i = at; i < last; i++) {
    stores.pa[i] = stores.pa[i + 1]!;
    stores.value[i] = stores.value[i + 1]!;
    stores.isFill[i] = stores.isFill[i + 1]!;
  }
  stores.count[0] = last;
  if (isFill === 1) clearPending(memory, frameOf(memory, pa));
  else visible(pa, exchange(memory, pa, value), value);
}

/** Drains everything; which entry goes next is the caller's `pick(count)`. */
export function drainAll(
  stores: StoreBuffer,
  memory: Memory,
  pick: (count: number) => number,
  visible: Visible,
): number {
  let drained = 0;
  for (let count = stores.count[0]!; count > 0; count = stores.count[0]!) {
    drainOne(stores, memory, count > 1 ? pick(count) : 0, visible);
    drained++;
  }
  return drained;
}
