import { createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import { statePath } from '../../machines/state-path.ts';
import { type SystemEvent, systemMachine } from '../../machines/system.machine.ts';
import { systemChartViolation } from '../../src/check/chart/chart.ts';
import { allocatedFrames } from '../../src/hardware/memory/frame.ts';
import { attachMarkLog, marksSince } from '../../src/hardware/memory/mark-log.ts';
import type { Machine } from '../../src/hardware/system.ts';
import { MARKS } from '../../src/kernel/marks.ts';
import type { Findings } from './findings.ts';
import { type PhaseTimes, phaseTimes } from './phases.ts';

/** The board's life as its chart sees it: the CPUs' milestones move it, and what it does not accept is a finding. */
export interface SystemLife {
  /** Follows the milestones since the last time. */
  readonly readMarks: () => void;
  readonly tell: (event: SystemEvent, cpu: number) => void;
  readonly state: () => string;
  readonly marksRead: () => number;
  /** Table pages in use when the linear map was painted. */
  readonly paintedPages: () => number;
  readonly phases: () => PhaseTimes;
  readonly end: () => void;
}

export function startSystem(machine: Machine, { violations }: Findings): SystemLife {
  const { board, memory, layout } = machine;
  const markLog = attachMarkLog(memory, layout);
  const chart = createActor(systemMachine, { input: { cpus: board.cpus.length, lateCpus: board.lateCpus } });
  chart.start();
  let marksRead = 0;
  let paintedPages = 0;

  const tell = (event: SystemEvent, cpu: number): void => {
    const snapshot = chart.getSnapshot();
    if (accepts(snapshot, event)) chart.send(event);
    else violations.push(systemChartViolation(cpu, event.type, statePath(snapshot)));
  };
  return {
    readMarks() {
      const { marks, next } = marksSince(markLog, marksRead);
      marksRead = next;
      for (const { cpu, mark } of marks) {
        const name = MARKS[mark]!;
        if (name === 'linearMap.painted') paintedPages = allocatedFrames(memory).now;
        tell({ type: name, cpu }, cpu);
      }
    },
    tell,
    state: () => statePath(chart.getSnapshot()),
    marksRead: () => marksRead,
    paintedPages: () => paintedPages,
    phases: () => phaseTimes(marksSince(markLog, 0).marks),
    end: () => chart.stop(),
  };
}
