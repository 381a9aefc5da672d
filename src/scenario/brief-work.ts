import { load } from '../hardware/instruction/load-store.ts';
import { physToVirt } from '../kernel/address-space.ts';
import { mark } from '../kernel/kernel.ts';
import type { Program } from './scenario.ts';

/**
 * What a CPU does after boot where every point counts: it loads the first and the last page of each bank of RAM. Whether
 * all of the linear map is right is looked at once, at rest.
 */
export const briefWork: Program = function* (cpu, k) {
  mark(cpu, 'work.started');
  for (const { base, bytes } of k.board.memory) {
    yield* load(cpu, physToVirt(k.space, base));
    yield* load(cpu, physToVirt(k.space, base + bytes - k.space.granule.pageBytes));
  }
  mark(cpu, 'work.finished');
};
