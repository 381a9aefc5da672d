import { describe, expect, test } from 'vitest';
import { levelBytes } from '../../../src/arch/granule.ts';
import { linearMap } from '../../../src/check/map/linear-map.ts';
import type { Violation } from '../../../src/check/violation.ts';
import { type Board, granules } from '../../../src/hardware/board/board.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { TLBIS } from '../../../src/hardware/counters.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import { multiCpuStop, takeStopWork } from '../../../src/kernel/boot/stop-machine.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { forEachLeaf, kernelTree, tablePages } from '../../../src/kernel/ptdump/ptdump.ts';
import { linearMapMaybeSplitToPtes, linearMapSplitToPtes } from '../../../src/kernel/repaint/repaint.ts';
import { bootAll, type Interleaved, interleave, runToEnd } from '../interleaved.ts';

function board(cpus: number, granule: (typeof granules)[number] = '4K', memoryBytes = 2 ** 30): Board {
  return resizedBoard(defaultBoard, { cpus, granule, memoryBytes });
}

interface Repainted extends Interleaved {
  /** Table pages before and after. */
  readonly before: number;
  readonly after: number;
}

function repainted(where: Board, seed: number, config: Partial<KernelConfig> = {}): Repainted {
  const machine = bootAll(where, config, seed);
  const [boot, ...others] = machine.cpus;
  runToEnd(finaliseSystemCapabilities(boot!, machine.kernels[0]!));
  machine.marks.length = 0;
  for (const cpu of machine.cpus) cpu.counts.fill(0);
  const before = allocatedFrames(machine.machine.memory).now;
  const programs = others.map((cpu, index) => {
    const k = machine.kernels[index + 1]!;
    return (function* () {
      while (!(yield* takeStopWork(cpu, k)));
      yield* multiCpuStop(cpu, k, linearMapSplitToPtes);
    })();
  });
  interleave([linearMapMaybeSplitToPtes(boot!, machine.kernels[0]!), ...programs], seed);
  return { ...machine, before, after: allocatedFrames(machine.machine.memory).now };
}

describe.each(granules)('the repaint, %s granule', (granule) => {
  const where = board(3, granule, granule === '64K' ? 2 ** 31 : 2 ** 30);
  const run = repainted(where, 1);
  const k = run.kernels[0]!;
  const { space } = k;
  const alias = [physToVirt(space, space.text), physToVirt(space, space.initBegin)] as const;

  test('violates nothing, in any of a few orders', () => {
    expect(run.violations).toEqual([]);
    for (let seed = 2; seed < 5; seed++) expect(repainted(where, seed).violations).toEqual([]);
  });

  test("leaves pages everywhere but in the kernel's alias, which it does not touch", () => {
    const fresh = bootAll(where);
    const aliasOf = ({ machine }: Interleaved): string[] => {
      const found: string[] = [];
      forEachLeaf(machine.memory, kernelTree(space, k.symbols.swapperPgDir), (va, pa, level, lo, hi) => {
        if (va >= alias[0] && va < alias[1]) found.push(`${va} ${pa} ${level} ${lo} ${hi}`);
      });
      return found;
    };
    expect(aliasOf(run)).toEqual(aliasOf(fresh));
    if (granule === '4K') expect(aliasOf(run).some((leaf) => leaf.split(' ')[2] === '2')).toBe(true);
    let pages = 0;
    forEachLeaf(run.machine.memory, kernelTree(space, k.symbols.swapperPgDir), (va, pa, level, _lo, hi) => {
      if (va >= space.pageEnd || (va >= alias[0] && va < alias[1])) return;
      expect(level === 3 && ((hi >>> 20) & 1) === 0 && pa === space.memstart + (va - space.pageOffset)).toBe(true);
      pages++;
    });
    const bytes = where.memory.reduce((sum, bank) => sum + bank.bytes, 0);
    expect(pages).toBe((bytes - (alias[1] - alias[0])) / space.granule.pageBytes);
  });

  test('adds one table for each block that it split', () => {
    const fresh = bootAll(where);
    const tables = ({ machine }: Interleaved): number =>
      tablePages(machine.memory, kernelTree(space, k.symbols.swapperPgDir)).reduce((sum, count) => sum + count);
    expect(run.after - run.before).toBe(tables(run) - tables(fresh));
    let blocks = 0;
    forEachLeaf(fresh.machine.memory, kernelTree(space, k.symbols.swapperPgDir), (va, _pa, level) => {
      if (va >= space.pageEnd || (va >= alias[0] && va < alias[1]) || level === 3) return;
      blocks += level === 2 ? 1 : 1 + levelBytes(space.granule, 1) / levelBytes(space.granule, 2);
    });
    expect(blocks).toBeGreaterThan(0);
    expect(run.after - run.before).toBe(blocks);
  });

  test('marks its milestones in order', () => {
    const order = [
      'repaint.started',
      'repaint.painting',
      'repaint.everybodyParked',
      'repaint.painted',
      'repaint.flushed',
      'repaint.released',
      'repaint.finished',
    ];
    expect(run.marks.filter(({ mark }) => order.includes(mark)).map(({ mark }) => mark)).toEqual(order);
    const at = (name: string): number[] => run.marks.flatMap(({ mark }, index) => (mark === name ? [index] : []));
    expect(Math.max(...at('repaint.parked'))).toBeLessThan(at('repaint.everybodyParked')[0]!);
    expect(Math.min(...at('repaint.leaving'))).toBeGreaterThan(at('repaint.released')[0]!);
    expect(at('repaint.parked')).toHaveLength(where.cpus.length - 1);
  });

  test('flushes once, and lets everybody back to where they were', () => {
    expect(run.cpus[0]!.counts[TLBIS]).toBe(1);
    for (const cpu of run.cpus) {
      expect(cpu.regime1!.root).toBe(k.symbols.swapperPgDir);
      expect(cpu.regime0!.root).toBe(k.symbols.reservedPgDir);
    }
    expect(read(run.machine.memory, variablePa(k, 'idmap_kpti_bbml2_flag'))).toBe(0n);
  });
});

describe('as posted', () => {
  const leavesOf = ({ machine, kernels }: Interleaved): string[] => {
    const found: string[] = [];
    const { space, symbols } = kernels[0]!;
    forEachLeaf(machine.memory, kernelTree(space, symbols.swapperPgDir), (va, pa, level, lo, hi) =>
      found.push(`${va} ${pa} ${level} ${lo} ${hi}`),
    );
    return found;
  };
  const merged = repainted(board(2), 1);

  /** What the map has against it at rest: of the text's alias, which boot makes read-only later, nothing is said. */
  function problemsOf({ machine, kernels }: Interleaved): Violation[] {
    const k = kernels[0]!;
    exchange(machine.memory, variablePa(k, 'system_state'), 1n);
    return linearMap.atRest!(machine, k).filter(({ message }) => !message.includes('kernel text or rodata writable'));
  }

  test('v4 comes to the same map, and flushes bank by bank', () => {
    const old = repainted(board(2), 1, { revision: 'v4' });
    expect(old.violations).toEqual([]);
    expect(leavesOf(old)).toEqual(leavesOf(merged));
    expect(old.after).toBe(merged.after);
    expect(old.cpus[0]!.counts[TLBIS]).toBeGreaterThan(merged.cpus[0]!.counts[TLBIS]!);
  });

  test('v5 splits nothing: its split does nothing where the system lacks BBML2, which is why it was called', () => {
    const old = repainted(board(2), 1, { revision: 'v5' });
    expect(old.after).toBe(old.before);
    expect(problemsOf(old).map(({ property }) => property)).toEqual(['linear-map']);
    expect(problemsOf(old)[0]!.message).toMatch(/is still made of blocks or contiguous groups, which nobody may split/);
    expect(problemsOf(merged)).toEqual([]);
  });

  test('the same map is no complaint where all CPUs have BBML2', () => {
    const able = { ...board(2), cpus: board(2).cpus.map((_, __, [first]) => first!) };
    const machine = bootAll(able, { revision: 'v5' });
    runToEnd(finaliseSystemCapabilities(machine.cpus[0]!, machine.kernels[0]!));
    expect(problemsOf(machine)).toEqual([]);
  });
});

describe('no repaint', () => {
  const alone = (model: keyof typeof cpuModels, config: Partial<KernelConfig> = {}): Interleaved => {
    const machine = bootAll({ ...board(1), cpus: [cpuModels[model]] }, config);
    runToEnd(finaliseSystemCapabilities(machine.cpus[0]!, machine.kernels[0]!));
    machine.marks.length = 0;
    runToEnd(linearMapMaybeSplitToPtes(machine.cpus[0]!, machine.kernels[0]!));
    return machine;
  };
  test.each([
    ['where all CPUs have BBML2', 'cortex-x4-r0p3', {}],
    ['where the boot CPU lacks it: pages already', 'cortex-a520', {}],
    ['where nobody changes single pages', 'cortex-x4-r0p3', { rodata: 'off' }],
  ] as const)('%s', (_, model, config) => {
    expect(alone(model, config).marks.map(({ mark }) => mark)).toEqual(['repaint.notNeeded']);
  });
});
