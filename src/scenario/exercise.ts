import type { Cpu } from '../hardware/cpu.ts';
import { load } from '../hardware/instruction/load-store.ts';
import type { Op } from '../hardware/op.ts';
import { physToVirt } from '../kernel/address-space.ts';
import { canSetDirectMap } from '../kernel/config.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw } from '../kernel/linear-map/pageattr.ts';
import { moduleArea } from './places.ts';

/**
 * What single pages of the linear map are for: the boot CPU makes single pages read-only and writable again, as module loading
 * does, while all others keep reading them. Old permissions may be used until a flush completes, and not after.
 */

const CYCLES = 48;
/** CPUs that keep reading, and how often each does; on larger boards the rest go straight to their check. */
const READERS = 8;
const READS = 20_000;

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
