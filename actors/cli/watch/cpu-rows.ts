import { numberRanges } from '../../../src/check/progress/number-ranges.ts';
import type { CpuModel } from '../../../src/hardware/board/board.ts';
import { COUNTERS, type Counter } from '../../../src/hardware/counters.ts';
import type { CpuView } from '../../thread/view.ts';

/** The CPUs of a machine as rows of a table: one a CPU, or one for CPUs that stand at the same place. */

/** A row before it is laid out in columns. */
export interface CpuRow {
  readonly name: string;
  readonly model: string;
  readonly bbmClass: string;
  readonly state: string;
  readonly waitsFor: string;
  readonly counts: Readonly<Record<Counter, number>>;
}

/** At most `most` rows (at least 1). With more CPUs than that, those alike share one: `2-191: 190 x online: idle`. */
export function cpuRows(cpus: readonly CpuView[], models: readonly CpuModel[], most: number): CpuRow[] {
  if (cpus.length <= most) return cpus.map((cpu) => rowOf([cpu], models));
  const keys: readonly ((cpu: CpuView) => string)[] = [
    ({ cpu, state, waitsFor }) => `${state}|${waitsFor}|${models[cpu]!.conflicts}`,
    ({ state }) => state,
    ({ status }) => status,
  ];
  for (const key of keys) {
    const groups = [...Map.groupBy(cpus, key).values()];
    if (groups.length <= most) return groups.map((group) => rowOf(group, models));
  }
  return [rowOf(cpus, models)];
}

function rowOf(group: readonly CpuView[], models: readonly CpuModel[]): CpuRow {
  const state = only(group.map((cpu) => cpu.state || cpu.status)); // a worker that starts has no chart yet
  return {
    name: numberRanges(group.map(({ cpu }) => cpu)),
    model: only(group.map(({ cpu }) => models[cpu]!.name)),
    bbmClass: only(group.map(({ cpu }) => models[cpu]!.conflicts)),
    state: group.length === 1 ? state : `${group.length} x ${state}`,
    waitsFor: only(group.map(({ waitsFor }) => waitsFor)),
    counts: Object.fromEntries(
      COUNTERS.map((name, slot) => [name, group.reduce((sum, { counters }) => sum + counters[slot]!, 0)]),
    ) as Record<Counter, number>,
  };
}

/** The text that all have, or a word for several. */
function only(texts: readonly string[]): string {
  return texts.every((text) => text === texts[0]) ? texts[0]! : 'various';
}
