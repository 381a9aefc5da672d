import { type KernelConfig, KFENCE, RELEASED, RODATA } from '../../src/kernel/config.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';

/** What is to be good on real threads, and on which kernels. */

export const good = catalogue.filter(({ expect }) => expect === 'good');

/** Enough memory that each granule has a block beside the kernel image. */
export const MEMORY = { '4K': 2 ** 28, '16K': 2 ** 28, '64K': 2 ** 30 } as const;

/** Each value of each option once, the others as they are by default. */
export const CONFIGS: readonly Partial<KernelConfig>[] = [
  ...KFENCE.map((kfence) => ({ kfence })),
  ...RODATA.map((rodata) => ({ rodata })),
  { rodata: 'off', debugPagealloc: true },
  { rodata: 'off', kfence: 'late' },
  { revision: '7.1', realm: true },
  { realm: true, debugPagealloc: true },
  ...(['v4', ...RELEASED, 'rox-rfc'] as const).map((revision) => ({ revision })),
  { revision: 'v4', rodata: 'noalias', kfence: 'late' },
];
