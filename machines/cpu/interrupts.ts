import { cpuChart, ownCpu } from './cpu-chart.ts';

/** An interrupt may come while another is handled, but not while the CPU stands still. */
export const interrupts = cpuChart.createStateConfig({
  meta: { lane: 'quiet' },
  initial: 'listening',
  states: {
    listening: {
      on: {
        'interrupt.raised': { guard: 'takesInterrupts', target: 'handling', actions: 'countInterrupt' },
      },
    },
    handling: {
      id: 'handling',
      invoke: {
        src: 'stopperProgram',
        id: 'stopper',
        input: ownCpu,
        onDone: [{ guard: 'wasCalledAgain', target: 'handling', reenter: true }, { target: 'listening' }],
      },
      on: {
        'interrupt.raised': { guard: 'takesInterrupts', target: '.again', actions: 'countInterrupt' },
      },
      initial: 'once',
      states: { once: {}, again: {} },
    },
  },
});
