import { describe, expect, test } from 'vitest';
import type { ChartCell } from '../../../src/explore/coverage/chart-watch.ts';
import { type Coverage, keyOf, sumOf } from '../../../src/explore/coverage/coverage.ts';
import { TAME } from '../../../src/explore/replay.ts';
import { randomly } from '../../../src/explore/strategy/random.ts';
import { mark } from '../../../src/kernel/kernel.ts';
import { repaint, secondariesStayOnSwapper } from '../../../src/scenario/repaint/repaint.ts';
import { defineScenario, type Scenario } from '../../../src/scenario/scenario.ts';
import { type Covered, covered, oneBlock } from '../covered.ts';

/** What schedules from `from` up to `to` cover. */
function coverageOf({ interleaver, collector }: Covered, from: number, to: number): Coverage {
  collector.take();
  for (let seed = from; seed < to; seed++) {
    collector.begin();
    interleaver.run(randomly(seed), collector.acted);
  }
  return collector.take();
}

const schedulesOf = ({ taken }: Coverage, cell: ChartCell): number =>
  taken.find((one) => keyOf(one) === keyOf(cell))?.schedules ?? 0;

describe('events in the states of charts', () => {
  test('count once a schedule, for each chart that takes them', () => {
    const coverage = coverageOf(covered(repaint), 0, 7);
    const parked = {
      chart: 'early',
      state: 'online.stop.run.parking.leavingSwapper',
      event: 'repaint.parked',
    } as const;
    expect(schedulesOf(coverage, parked)).toBe(7);
    expect(schedulesOf(coverage, { ...parked, chart: 'boot' })).toBe(0);
    expect(schedulesOf(coverage, { chart: 'system', state: 'repainting.stopping', event: 'repaint.parked' })).toBe(7);
    expect(coverage.refused).toEqual([]);
  });

  test('that came before the runs do not count', () => {
    const started = { chart: 'boot', state: 'booting.starting', event: 'cpu.started' } as const;
    expect(schedulesOf(coverageOf(covered(repaint), 0, 3), started)).toBe(0);
    expect(schedulesOf(coverageOf(covered(repaint, { from: 'power-on' }), 0, 3), started)).toBe(3);
  });

  test('that are refused are told with where the chart stood', () => {
    const { refused } = coverageOf(covered(secondariesStayOnSwapper), 0, 3);
    expect(refused).toEqual([
      { chart: 'system', state: 'repainting: stopping', event: 'repaint.everybodyParked', schedules: 3 },
    ]);
  });

  test('that can come where runs begin are known, more of them from power-on, and all that came are among them', () => {
    for (const [from, scenario] of [
      ['brought-up', repaint],
      ['power-on', repaint],
    ] as const) {
      const subject = covered(scenario, { from, compiled: true });
      const reachable = new Set(subject.collector.reachable().map(keyOf));
      const { taken } = coverageOf(subject, 0, 3);
      expect(taken.map(keyOf).filter((cell) => !reachable.has(cell))).toEqual([]);
      expect(reachable.size).toBeGreaterThan(taken.length + 10);
      expect(reachable.has(keyOf({ chart: 'boot', state: 'off', event: 'power.on' }))).toBe(from === 'power-on');
      expect(reachable.has(keyOf({ chart: 'boot', state: 'powered', event: 'cpu.hung' }))).toBe(false);
    }
  });

  const tamely = (scenario: Scenario): Coverage => {
    const { interleaver, collector } = covered(scenario);
    collector.begin();
    interleaver.run(TAME, collector.acted);
    return collector.take();
  };

  test('are taken by a run that is made for them, and not by a tame one of the repaint', () => {
    const twice = defineScenario({
      name: 'twice',
      summary: 'works twice',
      board: 'one-block',
      programs: () =>
        function* (cpu) {
          for (let i = 0; i < 2; i++) {
            mark(cpu, 'work.started');
            mark(cpu, 'work.finished');
          }
        },
    });
    const again = { chart: 'early', state: 'online.task.running.work.ending', event: 'work.started' } as const;
    expect(schedulesOf(tamely(twice), again)).toBe(1);
    expect(schedulesOf(tamely(repaint), again)).toBe(0);
  });
});

describe('coverage', () => {
  const coverage = covered(repaint);
  const whole = coverageOf(coverage, 0, 60);

  test('of shards adds up to that of the whole, in whichever order', () => {
    const parts = [
      [0, 10],
      [10, 37],
      [37, 60],
    ].map(([from, to]) => coverageOf(coverage, from!, to!));
    expect(parts.reduce(sumOf)).toEqual(whole);
    expect(parts.toReversed().reduce(sumOf)).toEqual(whole);
  });

  test('does not depend on who collects it', () => {
    expect(coverageOf(covered(repaint), 0, 60)).toEqual(whole);
    expect(coverageOf(covered(repaint, { compiled: true }), 0, 60)).toEqual(whole);
  });

  test('is plain data', () => {
    expect(structuredClone(whole)).toEqual(whole);
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  });

  test('tells of each cell as a schedule comes to it first', () => {
    const { interleaver, collector } = covered(repaint, { board: oneBlock(2) });
    const met: number[] = [];
    collector.listen((cell) => met.push(cell));
    collector.begin();
    interleaver.run(randomly(1), collector.acted);
    const { taken, refused, situations } = collector.take();
    expect(met.length).toBe(taken.length + refused.length + situations.length);
    expect(new Set(met).size).toBe(met.length);
  });
});
