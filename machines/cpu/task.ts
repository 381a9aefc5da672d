import { cpuChart, ownCpu } from './cpu-chart.ts';

/** What an online CPU is about, and at last works at: the boot CPU brings the others up first. */
export const task = cpuChart.createStateConfig({
  initial: 'settling',
  states: {
    settling: {
      on: {
        'xstate.done.actor.boot': [{ guard: 'isBootCpu', target: 'bringingUp' }, { target: 'idle' }],
      },
    },
    bringingUp: {
      invoke: { src: 'bringUpProgram', id: 'bringUp', input: ownCpu, onDone: 'idle' },
      initial: 'secondaries',
      states: {
        secondaries: { on: { 'smp.broughtUp': 'finalising' } },
        finalising: { on: { 'capabilities.finalised': 'deciding' } },
        deciding: { on: { 'repaint.notNeeded': 'settled', 'repaint.started': 'repainting' } },
        repainting: {
          id: 'repainting',
          meta: { lane: 'whole' },
          initial: 'stopping',
          states: {
            stopping: { on: { 'stopMachine.exit': { guard: 'hasPainted', target: 'stopped' } } },
            stopped: { on: { 'repaint.finished': '#settled' } },
          },
        },
        settled: { id: 'settled', on: { 'system.running': 'started' } },
        started: {},
      },
    },
    idle: {
      invoke: {
        src: 'idleProgram',
        id: 'idle',
        input: ownCpu,
        onDone: [{ guard: 'isLeaving', actions: 'loseItsTasks' }, { target: 'running' }],
      },
      meta: { lane: 'whole' },
      initial: 'beginning',
      states: {
        beginning: { on: { 'cpu.idle': 'nothingToDo' } },
        nothingToDo: { on: { 'cpuDown.started': 'hotplugging' } },
        hotplugging: { id: 'hotpluggingEarly', on: { 'cpuDown.finished': 'nothingToDo' } },
      },
    },
    running: {
      id: 'running',
      invoke: { src: 'workProgram', id: 'work', input: ownCpu, onDone: 'done' },
      type: 'parallel',
      states: {
        work: {
          initial: 'beginning',
          states: {
            beginning: { on: { 'work.started': 'working' } },
            working: { on: { 'work.finished': { guard: 'isNotSplitting', target: 'ending' } } },
            ending: { on: { 'work.started': 'working' } },
          },
        },
        leaves: {
          id: 'leaves',
          initial: 'whole',
          states: {
            whole: {
              meta: { lane: 'quiet' },
              on: {
                'split.started': { target: 'splitting', actions: 'countSplit' },
                'cpuDown.started': 'hotplugging',
                'cpuUp.started': 'hotplugging',
              },
            },
            splitting: { on: { 'split.finished': 'whole' } },
            hotplugging: { on: { 'cpuDown.finished': 'whole', 'cpuUp.finished': 'whole' } },
          },
        },
      },
    },
    done: {},
  },
});
