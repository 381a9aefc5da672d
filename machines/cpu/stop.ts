import { cpuChart } from './cpu-chart.ts';

/** multi_cpu_stop() step by step, and in it the repaint: on the boot CPU that paints, on the others that park; or the end of a CPU. */
export const stop = cpuChart.createStateConfig({
  id: 'stop',
  initial: 'inactive',
  states: {
    inactive: {
      meta: { lane: 'quiet' },
      on: {
        'stopMachine.prepare': [
          { guard: 'isCalledToStop', target: 'prepare', actions: 'countStop' },
          { guard: 'stopsTheOthers', target: 'prepare', actions: 'countStop' },
        ],
      },
    },
    prepare: { on: { 'stopMachine.irqsOff': 'irqsOff' } },
    irqsOff: { on: { 'stopMachine.run': 'run' } },
    run: {
      initial: 'deciding',
      states: {
        deciding: {
          on: {
            'cpu.dying': { guard: 'isSecondary', target: 'dying' },
            'repaint.painting': { guard: 'isBootCpu', target: 'painting' },
            'repaint.parking': { guard: 'isSecondary', target: 'parking' },
            'stopMachine.exit': { guard: 'isNotRepainting', target: '#stop.exit' },
          },
        },
        dying: { on: { 'stopMachine.exit': '#leaving' } },
        painting: {
          initial: 'waiting',
          states: {
            waiting: { on: { 'repaint.everybodyParked': 'splitting' } },
            splitting: { on: { 'repaint.painted': 'flushing' } },
            flushing: { on: { 'repaint.flushed': 'releasing' } },
            releasing: { on: { 'repaint.released': 'painted' } },
            painted: { id: 'painted', on: { 'stopMachine.exit': '#stop.exit' } },
          },
        },
        parking: {
          id: 'parking',
          initial: 'called',
          states: {
            called: { on: { 'idmap.installed': 'leavingSwapper' } },
            leavingSwapper: { on: { 'repaint.parked': 'parked' } },
            parked: { on: { 'repaint.leaving': 'restoring' } },
            restoring: { on: { 'idmap.uninstalled': 'restored' } },
            restored: { on: { 'stopMachine.exit': '#stop.exit' } },
          },
        },
      },
    },
    leaving: { id: 'leaving' },
    exit: {
      always: { guard: 'stopperIsGone', target: 'inactive' },
      on: { 'stopMachine.prepare': { guard: 'isCalledToStop', target: 'prepare', actions: 'countStop' } },
    },
  },
});
