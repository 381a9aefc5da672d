import { type Actor, type ActorRefFrom, createActor } from 'xstate';
import { accepts } from '../../machines/accepts.ts';
import type { CpuEvent, CpuInput, ProgramLogic } from '../../machines/cpu/cpu-chart.ts';
import { cpuMachine } from '../../machines/cpu.machine.ts';
import type { FaultKind } from '../../src/arch/fault.ts';

/** A CPU's chart, moved by hand: each step is an event's name, or `ends PROGRAM`. */

export type Step = Exclude<CpuEvent['type'], 'fault.taken' | 'xstate.done.actor.boot'> | `ends ${ProgramName}`;
export type ProgramName = 'boot' | 'bringUp' | 'idle' | 'work' | 'stopper';

export const bootCpu: CpuInput = { cpu: 0, isBootCpu: true, isLate: false, qualifies: true };
export const secondary: CpuInput = { cpu: 1, isBootCpu: false, isLate: false, qualifies: false };
export const lateCpu: CpuInput = { cpu: 3, isBootCpu: false, isLate: true, qualifies: false };

/** How far the chart went along, and the step it did not accept, if any. */
export interface Walked {
  readonly actor: Actor<typeof cpuMachine>;
  readonly refused: Step | undefined;
  /** How many steps were accepted. */
  readonly accepted: number;
}

export function walk(input: CpuInput, steps: readonly Step[], reliesOnBbml2 = true): Walked {
  const actor = createActor(cpuMachine, { input }).start();
  for (const [accepted, step] of steps.entries()) {
    if (step.startsWith('ends ')) {
      if (!end(actor, step.slice('ends '.length) as ProgramName)) return { actor, refused: step, accepted };
      continue;
    }
    const event = eventOf(step, reliesOnBbml2);
    if (!accepts(actor.getSnapshot(), event)) return { actor, refused: step, accepted };
    actor.send(event);
  }
  return { actor, refused: undefined, accepted: steps.length };
}

export function fault(kind: FaultKind): CpuEvent {
  return { type: 'fault.taken', kind, fault: `a ${kind} fault` };
}

function eventOf(step: Step, reliesOnBbml2: boolean): CpuEvent {
  if (step === 'capabilities.known') return { type: step, reliesOnBbml2 };
  return { type: step, waitingFor: 'nobody' } as CpuEvent;
}

/** False: the program is not under way. */
function end(actor: Actor<typeof cpuMachine>, program: ProgramName): boolean {
  const ref: ActorRefFrom<ProgramLogic> | undefined = actor.getSnapshot().children[program];
  if (ref?.getSnapshot().status !== 'active') return false;
  ref.send({ type: 'program.finished' });
  return true;
}
