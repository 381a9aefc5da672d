import { alignDown } from '../../arch/address.ts';
import type { Cpu } from '../../hardware/cpu.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import type { Op } from '../../hardware/op.ts';
import { CPU_POWER } from '../../hardware/tlbi/dvm.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { canSetDirectMap } from '../../kernel/config.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { without } from '../../kernel/linear-map/linear-map.ts';
import { linearAliasRo, linearAliasRw, setMemoryValid } from '../../kernel/linear-map/pageattr.ts';
import type { Softirq } from '../../kernel/locking/softirq.ts';
import { briefWork } from '../brief-work.ts';
import { exercise } from '../exercise.ts';
import { lineWithin, raiseLine, untilHandled } from '../interrupts/device.ts';
import { freeRam, largestOf } from '../places.ts';
import { defineScenario, type Program, type Scenario } from '../scenario.ts';
import { sequence } from '../sequence.ts';

/**
 * A story on a machine that has more to do. Who has no part in it yet, or no more, changes a page of its own in the linear map, or
 * reads beside it. And a device interrupts everybody: under the explorer one that goes round, from each handler on to the next CPU;
 * on threads each CPU has its own.
 */

/** Reads of a handler, at most. */
const READS = 12;
/** Instructions within which the device strikes on threads. */
const WITHIN = 200;

/**
 * In the middle of RAM that no story takes: pages that change, one for each CPU, and then one that does not. Linear address;
 * undefined: there is no such RAM.
 */
function findQuietPages(k: Kernel): number | undefined {
  const { pageBytes } = k.space.granule;
  const { execmemRam: modules } = k;
  let free = freeRam(k);
  if (modules !== undefined) {
    const end = modules.pa + modules.pages * pageBytes;
    free = free.flatMap(([from, to]) => without(from, to, modules.pa, end));
  }
  const [from, to] = largestOf(free);
  const first = alignDown((from + to) / 2, pageBytes) - (CHANGERS + 1) * pageBytes;
  return first < from ? undefined : physToVirt(k.space, first);
}
const CHANGERS = 4;

/** Found once: they are asked for all the time. */
const found = new WeakMap<Kernel, number | undefined>();

function quietPages(k: Kernel): number | undefined {
  if (!found.has(k)) found.set(k, findQuietPages(k));
  return found.get(k);
}

/** What lies beside the pages that change; or any RAM. */
function* readBeside(cpu: Cpu, k: Kernel): Op {
  const pages = quietPages(k);
  const { board, space } = k;
  const va = pages === undefined ? undefined : pages + CHANGERS * space.granule.pageBytes;
  yield* load(cpu, va ?? physToVirt(space, board.memory[0]!.base));
}

/**
 * CPUs 1 and 2 make a page of their own read-only and writable again, and take it away and bring it back; all others read. Nobody
 * may look at the whole linear map meanwhile.
 */
export function* besides(cpu: Cpu, k: Kernel): Op {
  yield* readBeside(cpu, k);
  const pages = quietPages(k);
  if (pages === undefined || !canSetDirectMap(k.config) || (cpu.id !== 1 && cpu.id !== 2)) return;
  const va = pages + cpu.id * k.space.granule.pageBytes;
  if ((yield* linearAliasRo(cpu, k, va, 1)) === 0) yield* linearAliasRw(cpu, k, va, 1);
  if ((yield* setMemoryValid(cpu, k, va, 1, false)) === 0) yield* setMemoryValid(cpu, k, va, 1, true);
}

const handler = (strikes: number): Softirq =>
  function* (cpu, k) {
    for (let reads = cpu.choose(READS, 'program'); reads >= 0; reads--) yield* readBeside(cpu, k);
    if (cpu.choose(strikes, 'program') === 0) return;
    if (cpu.controlled) yield* raiseLine(cpu, k, (cpu.id + 1) % k.board.cpus.length);
    else lineWithin(cpu, WITHIN);
  };

/** CPU 0 is left to its own part. On threads somebody checks the whole map at any time. */
const aside: Program = function* (cpu, k) {
  if (cpu.id !== 0) yield* (cpu.controlled ? besides : readBeside)(cpu, k);
};

/** Who has been taken down does nothing any more. */
const afterwards = (times: number): Program =>
  function* (cpu, k) {
    if (Atomics.load(cpu.words, CPU_POWER) === 0) return;
    for (let time = 0; time < times; time++) yield* aside(cpu, k);
    yield* untilHandled(cpu);
  };

const strike: Program = function* (cpu, k) {
  if (!cpu.controlled) lineWithin(cpu, WITHIN);
  else if (cpu.id === 0) yield* raiseLine(cpu, k, 1 % k.board.cpus.length);
};

/** How busy. */
export interface Bustle {
  /** One in so many strikes of the device is the last. */
  readonly strikes?: number;
  /** How often CPUs do what they have to do besides when their part is over. */
  readonly times?: number;
}

/** `story` on such a machine, by the name of `NAME/busy`. `changes`: what is otherwise. */
export function busy(story: Scenario, changes: Partial<Scenario> = {}, bustle: Bustle = {}): Scenario {
  const { strikes = 24, times = 1 } = bustle;
  const all = { ...story, ...changes };
  const around = (part: Program): Program => sequence(strike, aside, part, afterwards(times));
  const { programs = () => exercise } = all;
  const { briefPrograms = all.programs ?? (() => briefWork) } = all;
  return defineScenario({
    ...all,
    name: changes.name ?? `${story.name}/busy`,
    summary: `on a busy machine: ${story.summary}`,
    programs: (cpu) => around(programs(cpu)),
    briefPrograms: (cpu) => around(briefPrograms(cpu)),
    irq: () => handler(strikes),
  });
}
