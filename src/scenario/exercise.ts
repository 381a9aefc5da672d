import { alignUp } from '../arch/address.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { poolPlace } from '../hardware/layout.ts';
import { load } from '../hardware/load-store.ts';
import type { Op } from '../hardware/op.ts';
import { physToVirt } from '../kernel/address-space.ts';
import { canSetDirectMap, tablePagesNeeded } from '../kernel/config.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { without } from '../kernel/linear-map/linear-map.ts';
import { linearAliasRo, linearAliasRw } from '../kernel/linear-map/pageattr.ts';

/**
 * What single pages of the linear map are for: the boot CPU makes single pages read-only and writable again, as module loading
 * does, while all others keep reading them. Old permissions may be used until a flush completes, and not after.
 */

/** Pages that modules live in, behind the kernel image. */
const MODULE_PAGES = 16;
const CYCLES = 48;
/** CPUs that keep reading, and how often each does; on larger boards the rest go straight to their check. */
const READERS = 8;
const READS = 20_000;

export interface ModuleArea {
  readonly pa: number;
  readonly pages: number;
}

/** The frames whose permissions change while the system runs: a block's first pages, or what a small board has left. */
export function moduleArea(k: Kernel): ModuleArea {
  const { pageBytes } = k.space.granule;
  const block = alignUp(k.space.end, 2 * 2 ** 20);
  const free = freeRam(k);
  if (free.some(([from, to]) => block >= from && block + MODULE_PAGES * pageBytes <= to))
    return { pa: block, pages: MODULE_PAGES };
  const [from, to] = free.reduce((one, other) => (other[1] - other[0] > one[1] - one[0] ? other : one), [0, 0]);
  return { pa: from, pages: Math.min(MODULE_PAGES, Math.floor((to - from) / pageBytes)) };
}

/** RAM that neither the kernel image nor the page tables take, as start and end. */
export function freeRam({ board, space }: Kernel): (readonly [number, number])[] {
  const tableBytes = tablePagesNeeded(board) * space.granule.pageBytes;
  const pool = poolPlace(board, tableBytes) ?? 0;
  return board.memory
    .flatMap(({ base, bytes }) => without(base, base + bytes, space.text, space.end))
    .flatMap(([from, to]) => without(from, to, pool, pool + tableBytes));
}

export function* exercise(cpu: Cpu, k: Kernel): Op {
  const { pa, pages } = moduleArea(k);
  if (pages === 0) return;
  const { pageBytes } = k.space.granule;
  const page = (): number => physToVirt(k.space, pa + cpu.choose(pages, 'program') * pageBytes);
  if (cpu.id === 0) {
    if (!canSetDirectMap(k.config)) return; // nobody protects linear aliases here, and blocks may not be split
    for (let i = 0; i < CYCLES; i++) {
      const va = page();
      if ((yield* linearAliasRo(cpu, k, va, 1)) !== 0) return;
      yield* linearAliasRw(cpu, k, va, 1);
    }
    return;
  }
  if (cpu.id >= READERS) return;
  for (let i = 0; i < READS; i++) yield* load(cpu, page());
}
