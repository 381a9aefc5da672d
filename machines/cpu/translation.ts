import { cpuChart } from './cpu-chart.ts';

/** Which tables the CPU walks. It leaves swapper to park, and to load the idmap for a moment. */
export const translation = cpuChart.createStateConfig({
  initial: 'swapper',
  states: {
    swapper: {
      meta: { lane: 'quiet' },
      on: { 'idmap.installed': { guard: 'mayUseTheIdmap', target: 'idmap' } },
    },
    idmap: {
      meta: { lane: 'whole' },
      initial: 'swapperStillInTtbr1',
      states: {
        swapperStillInTtbr1: {
          on: {
            'repaint.parked': { guard: 'isToPark', target: 'reserved' },
            'idmap.uninstalled': { guard: 'isNotToPark', target: '#online.translation.swapper' },
          },
        },
        reserved: { on: { 'repaint.leaving': 'swapperAgain' } },
        swapperAgain: { on: { 'idmap.uninstalled': '#online.translation.swapper' } },
      },
    },
  },
});
