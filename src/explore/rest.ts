import { leak } from '../check/lifetime/leak.ts';
import { contiguous } from '../check/map/contiguous.ts';
import { linearMap } from '../check/map/linear-map.ts';
import { writeXorExecute } from '../check/map/write-xor-execute.ts';
import type { Property, Violation } from '../check/violation.ts';
import { drainEverything } from '../hardware/store-buffer/drain.ts';
import type { Machine } from '../hardware/system.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Lane } from './lane.ts';
import { isAsRemembered, type Remembered, remember } from './machine-image.ts';

/** What sees nothing at rest but the frames of memory, so that one look does for all runs that end with the same. */
const OF_MEMORY: readonly Property[] = [linearMap, contiguous, leak, writeXorExecute];

/** Ends that were found good, at most: another like one of them is not looked at again. */
const MOST_REMEMBERED = 4;

/** What has been stored becomes visible in the end; then the machine as a whole is looked at. */
export function judgeAtRest(
  lanes: readonly Lane[],
  properties: readonly Property[],
  machine: Machine,
  kernel: Kernel,
  violations: Violation[],
  good: Remembered[],
): void {
  for (const { cpu } of lanes) drainEverything(cpu);
  const known = good.some((end) => isAsRemembered(machine, end));
  for (const property of properties)
    if (!known || !OF_MEMORY.includes(property)) violations.push(...(property.atRest?.(machine, kernel) ?? []));
  if (!known && violations.length === 0 && good.length < MOST_REMEMBERED) good.push(remember(machine));
}
