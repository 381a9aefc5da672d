import { describe, expect, it } from 'vitest';
import { lazyCharts } from '../../machines/board-tables.ts';
import { realCharts } from '../../machines/real-charts.ts';
import { chartBoard } from '../../src/check/chart/chart-board.ts';
import { CHART_VOCABULARY, CPU_EVENT } from '../../src/check/chart/chart-events.ts';
import { type BoardCharts, tableCharts } from '../../src/check/chart/chart-table.ts';
import type { Decide } from '../../src/explore/decide.ts';
import { type Exploration, type Interleaver, interleaverOf } from '../../src/explore/interleaver.ts';
import { Diverged, replaying, TAME } from '../../src/explore/replay.ts';
import { randomly } from '../../src/explore/strategy/random.ts';
import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../src/hardware/board/board-resize.ts';
import type { Cpu } from '../../src/hardware/cpu.ts';
import { dsb } from '../../src/hardware/instruction/barrier.ts';
import { store } from '../../src/hardware/instruction/load-store.ts';
import { read } from '../../src/hardware/memory/memory.ts';
import { FIXMAP } from '../../src/hardware/translation/access.ts';
import { physToVirt } from '../../src/kernel/address-space.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { type Kernel, mark } from '../../src/kernel/kernel.ts';
import { entryOffset } from '../../src/kernel/tables/pagewalk.ts';
import { PTE_ADDRESS } from '../../src/kernel/tables/pgtable-prot.ts';
import { briefWork } from '../../src/scenario/brief-work.ts';
import { heldUpCpu, repaint, twins } from '../../src/scenario/repaint/repaint.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function small(cpus: number): Board {
  return resizedBoard(boardPresets.get('one-block')!, { cpus });
}

function chartsOf(board: Board): BoardCharts {
  const cpus = chartBoard(board, DEFAULT_CONFIG.revision);
  return tableCharts(lazyCharts(cpus, CHART_VOCABULARY), cpus);
}

function explorer(scenario: Scenario, more: Partial<Exploration> = {}): Interleaver {
  const kernel = { ...DEFAULT_CONFIG, ...scenario.kernel };
  const from = 'brought-up';
  const board = more.board ?? small(3);
  const charts = chartsOf(board);
  return interleaverOf({ board, scenario, kernel, work: briefWork, from, mostPoints: 20_000, charts, ...more });
}

describe('one thread for all CPUs', () => {
  it.each([repaint, heldUpCpu])('runs $name to a good end, however it is scheduled', (scenario) => {
    const { run } = explorer(scenario);
    for (const seed of SEEDS) {
      const { verdict, violations } = run(randomly(seed));
      expect([verdict, violations]).toEqual(['good', []]);
    }
  });

  it('runs from power-on as well as from where all CPUs are up', () => {
    const whole = explorer(repaint, { from: 'power-on' });
    const rest = explorer(repaint);
    for (const seed of SEEDS) {
      const long = whole.run(randomly(seed));
      expect(long.verdict).toBe('good');
      expect(long.points).toBeGreaterThan(rest.run(randomly(seed)).points + 100);
    }
  });

  it.each(twins)('catches $name by name, on every seed', (scenario) => {
    const { run } = explorer(scenario);
    for (const seed of SEEDS) {
      const { verdict, violations } = run(randomly(seed));
      expect([verdict, violations[0]?.property]).toEqual(['violated', scenario.expect]);
    }
  });

  it('reaches the danger in most runs: a TLB holds a block and a page for one address', () => {
    const { run, counts } = explorer(repaint);
    const dangerous = SEEDS.filter((seed) => {
      run(randomly(seed));
      return counts().bothSizesCached > 0;
    });
    expect(dangerous.length).toBeGreaterThan(SEEDS.length / 2);
  });

  it('goes on with the CPU that went last when every decision is tame', () => {
    const { run, counts } = explorer(repaint);
    const { verdict, decisions } = run(TAME);
    expect(verdict).toBe('good');
    expect(decisions.answers.every((answer) => answer === 0)).toBe(true);
    expect(counts().speculativeWalks).toBe(0);
  });

  it('says that a run was given up, and does not call it good', () => {
    const { verdict, points } = explorer(repaint, { mostPoints: 20, from: 'power-on' }).run(randomly(1));
    expect([verdict, points]).toEqual(['inconclusive', 20]);
  });

  it('names who waits for what when nobody can go on', () => {
    const flagStartsAtZero = twins.find(({ expect: property }) => property === 'deadlock')!;
    const [violation] = explorer(flagStartsAtZero).run(randomly(1)).violations;
    expect(violation!.message).toMatch(/CPU 0 waits for the repaint flag to reach 3/);
  });
});

describe('a run', () => {
  it.each([repaint, ...twins])('of $name leaves nothing behind for the next', (scenario) => {
    const used = explorer(scenario);
    for (const seed of SEEDS) used.run(randomly(seed));
    const again = used.run(randomly(7));
    const countsAgain = used.counts();
    const fresh = explorer(scenario);
    expect(again).toEqual(fresh.run(randomly(7)));
    expect(countsAgain).toEqual(fresh.counts());
  });

  it.each(twins)('of $name comes out the same from its decisions, violation for violation', (scenario) => {
    const { run } = explorer(scenario);
    const first = run(randomly(7));
    expect(run(replaying(first.decisions))).toEqual(first);
  });

  it('of another board is refused, not misread', () => {
    const { decisions } = explorer(repaint).run(randomly(7));
    const other = explorer(repaint, { board: small(2) });
    expect(() => other.run(replaying(decisions))).toThrow(Diverged);
  });

  it('depends on nothing but its decisions', () => {
    const { run } = explorer(repaint);
    expect(run(randomly(5)).decisions).not.toEqual(run(randomly(6)).decisions);
  });
});

describe('at rest', () => {
  /** On some seeds CPU 1 leaves an entry of the linear map writable that should not be. */
  const sometimesWrong: Scenario = {
    ...repaint,
    name: 'sometimes-wrong',
    programs: (id) =>
      function* (cpu, k) {
        yield* briefWork(cpu, k);
        if (id !== 1 || cpu.choose(2, 'program') === 0) return;
        const entry = linearEntry(cpu, k);
        yield* store(cpu, FIXMAP + entry, read(cpu.memory, entry) & ~(1n << 7n));
        yield* dsb(cpu, 'ishst');
      },
  };

  /** Physical address of the entry that maps the kernel's first page in the linear map. */
  function linearEntry({ memory }: Cpu, { space, symbols }: Kernel): number {
    const va = physToVirt(space, space.text);
    let table = symbols.swapperPgDir;
    for (let level = space.startLevel; level < 3; level++)
      table = Number(read(memory, table + entryOffset(space, level, 0, va)) & PTE_ADDRESS);
    return table + entryOffset(space, 3, 0, va);
  }

  it('a run is looked at however many good ones came before', () => {
    const { run } = explorer(sometimesWrong);
    const verdicts = SEEDS.map((seed) => run(randomly(seed)).violations[0]?.property ?? 'good');
    expect(new Set(verdicts)).toEqual(new Set(['good', 'linear-map']));
    expect(SEEDS.map((seed) => explorer(sometimesWrong).run(randomly(seed)).violations[0]?.property ?? 'good')).toEqual(
      verdicts,
    );
  });
});

describe('charts', () => {
  const late: Scenario = {
    ...repaint,
    name: 'marks-too-soon',
    text: (good) => ({
      ...good,
      repaint: {
        ...good.repaint,
        *initFlag(cpu, k) {
          mark(cpu, 'repaint.flushed');
          yield* good.repaint.initFlag(cpu, k);
        },
      },
    }),
  };

  it('judge every mark, by table or by actors alike', () => {
    const board = small(3);
    const byTable = explorer(late).run(randomly(1));
    const cpus = chartBoard(board, DEFAULT_CONFIG.revision);
    const byActors = explorer(late, { charts: realCharts(cpus, CHART_VOCABULARY) }).run(randomly(1));
    expect(byTable.violations[0]).toMatchObject({ property: 'chart', cpu: 0 });
    expect(byActors).toEqual(byTable);
  });

  it('of real actors are put back with the machine', () => {
    const { run } = explorer(repaint, {
      charts: realCharts(chartBoard(small(3), DEFAULT_CONFIG.revision), CHART_VOCABULARY),
    });
    for (const seed of SEEDS) expect(run(randomly(seed)).verdict).toBe('good');
  });

  it('are told when a stopper has ended: a CPU that was stopped takes interrupts again', () => {
    const { run, lanes } = explorer(repaint);
    for (const seed of SEEDS) {
      run(randomly(seed));
      for (const { chart } of lanes) expect(chart!.step(CPU_EVENT.programFinished.stopper)).toBe(false);
    }
  });

  it('are not asked where there are none', () => {
    const { kernel, board } = { kernel: DEFAULT_CONFIG, board: small(3) };
    const plain = { board, scenario: late, kernel, work: briefWork, from: 'brought-up' as const, mostPoints: 20_000 };
    expect(interleaverOf(plain).run(randomly(1)).verdict).toBe('good');
  });
});

it('an answer outside the question is a fault of whoever decides', () => {
  const wild: Decide = { next: () => 99, chance: () => 0 };
  expect(() => explorer(repaint).run(wild)).toThrow(/a decision among \d+ was answered by 99/);
});
