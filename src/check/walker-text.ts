import { type Cpu, ROOT0, ROOT0_NEXT, ROOT1, ROOT1_NEXT } from '../hardware/cpu.ts';
import { CPU_DOUBLES } from '../hardware/memory/layout.ts';
import { SEVERAL_ROOTS } from '../hardware/translation/early-translation.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { cachedRootOf } from './walkers.ts';

/** Where the TTBRs of CPU `id` point, as any CPU can see: `TTBR0_EL1 idmap_pg_dir, TTBR1_EL1 swapper_pg_dir`. */
export function walkerText(cpu: Cpu, k: Kernel, id: number): string {
  const { allDoubles } = cpu;
  const at = id * CPU_DOUBLES;
  const register = (name: string, now: number, next: number): string => {
    const written = allDoubles[at + next]!;
    const pending =
      written >= 0 && written !== allDoubles[at + now] ? `, ${rootName(k, written)} written but no ISB since` : '';
    return `${name} ${rootName(k, allDoubles[at + now]!)}${pending}`;
  };
  const cached = cachedRootOf(cpu, id);
  const which = cached === SEVERAL_ROOTS ? 'others' : rootName(k, cached);
  const kept = cached < 0 ? '' : `, and no TLBI since it held ${which}`;
  return `${register('TTBR0_EL1', ROOT0, ROOT0_NEXT)}; ${register('TTBR1_EL1', ROOT1, ROOT1_NEXT)}${kept}`;
}

/** CPU `id` has written another root to TTBR1 than the one in force, and no ISB has made that good. */
export function awaitsIsb({ allDoubles }: Cpu, id: number): boolean {
  const next = allDoubles[id * CPU_DOUBLES + ROOT1_NEXT]!;
  return next >= 0 && next !== allDoubles[id * CPU_DOUBLES + ROOT1];
}

/** CPU `id` runs in the idmap. */
export function isInIdmap({ allDoubles }: Cpu, k: Kernel, id: number): boolean {
  return allDoubles[id * CPU_DOUBLES + ROOT0] === k.symbols.idmapPgDir;
}

function rootName({ symbols }: Kernel, pa: number): string {
  if (pa === symbols.swapperPgDir) return 'swapper_pg_dir';
  if (pa === symbols.reservedPgDir) return 'reserved_pg_dir';
  if (pa === symbols.idmapPgDir) return 'idmap_pg_dir';
  return pa < 0 ? 'unset' : `0x${pa.toString(16)}`;
}
