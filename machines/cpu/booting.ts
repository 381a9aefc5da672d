import { cpuChart } from './cpu-chart.ts';

/** From power on to online. Whether a late CPU may come up depends on what the system relies on. */
export const booting = cpuChart.createStateConfig({
  on: { 'capabilities.known': { guard: 'isLate', actions: 'learnTheAnswer' } },
  initial: 'starting',
  states: {
    starting: { on: { 'cpu.started': 'detecting' } },
    detecting: { on: { 'features.detected': 'detected' } },
    detected: {
      on: {
        'linearMap.painted': { guard: 'isBootCpu', target: 'painted' },
        'cpu.online': { guard: 'isEarlySecondary', target: '#online' },
        'features.accepted': { guard: 'mayComeUpLate', target: 'accepted' },
        'features.refused': { guard: 'lacksWhatTheSystemReliesOn', target: '#refused' },
      },
    },
    painted: { on: { 'cpu.online': '#online' } },
    accepted: { id: 'accepted', on: { 'cpu.online': '#online' } },
  },
});

/** The same for one that was online before: it is let in by what it is asked, not counted again. */
export const returning = cpuChart.createStateConfig({
  on: { 'capabilities.known': { guard: 'isLate', actions: 'learnTheAnswer' } },
  initial: 'starting',
  states: {
    starting: { on: { 'cpu.started': 'detecting' } },
    detecting: { on: { 'features.detected': 'detected' } },
    detected: { on: { 'features.accepted': '#accepted' } },
  },
});

/** It lacks what the system relies on: it says so, and powers itself down. */
export const refused = cpuChart.createStateConfig({
  id: 'refused',
  initial: 'telling',
  states: {
    telling: { on: { 'xstate.done.actor.boot': 'parked' } },
    parked: { tags: 'ended' },
  },
});
