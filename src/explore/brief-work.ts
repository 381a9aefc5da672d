import { touchLinearMap } from '../kernel/boot.ts';
import { mark } from '../kernel/kernel.ts';
import type { Program } from '../scenario/scenario.ts';

/** Loads of a CPU's work after boot, each of an arbitrary page. */
const LOADS = 4;

/**
 * What a CPU does after boot where every point counts: a few loads all over the linear map. Whether all of the map is right
 * is looked at once, at rest.
 */
export const briefWork: Program = function* (cpu, k) {
  mark(cpu, 'work.started');
  yield* touchLinearMap(cpu, k, LOADS);
  mark(cpu, 'work.finished');
};
