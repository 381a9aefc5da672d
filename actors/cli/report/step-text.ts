import { actOf, cpuOfActor, DRAIN, STEP } from '../../../src/explore/decide.ts';
import type { Acted, Interleaver } from '../../../src/explore/interleaver.ts';
import type { Point } from '../../../src/hardware/op.ts';
import { attachTrace, type TraceRecord, tail } from '../../../src/hardware/trace.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { placeName } from './place-name.ts';
import { recordText } from './trace-text.ts';

/** Every step of a run, in words. */

export interface StepLine {
  /** Points of the run so far. */
  readonly point: number;
  readonly cpu: number;
  /** What the CPU stood before and did, or what the hardware did by itself. */
  readonly act: string;
  /** What of it the trace has: global steps, with the text that lanes use. */
  readonly records: readonly { readonly cpu: number; readonly step: number; readonly text: string }[];
}

/** Writes down what happens in the first run of an interleaver: pass `acted` on, ask for the lines afterwards. */
export function stepWriter({ machine, kernel, lanes }: Interleaver): {
  readonly acted: Acted;
  readonly lines: () => readonly StepLine[];
} {
  const context = { k: kernel, memory: machine.memory };
  const traces = lanes.map((_, id) => attachTrace(machine.memory, machine.layout, id));
  const heads = Int32Array.from(traces, ({ head }) => head[0]!);
  const stood: string[] = lanes.map(() => '');
  const lines: StepLine[] = [];
  const news = (cpu: number): TraceRecord[] => {
    const head = traces[cpu]!.head[0]!;
    const records = tail(traces[cpu]!, cpu, (head - heads[cpu]!) | 0);
    heads[cpu] = head;
    return records;
  };
  return {
    acted(actor, point) {
      const cpu = cpuOfActor(actor);
      const act = actOf(actor);
      const did = act === STEP ? stood[cpu]! : act === DRAIN ? 'a buffered store drains' : 'speculates';
      const records = lanes
        .flatMap((_, id) => news(id))
        .sort((a, b) => a.step - b.step)
        .map((record) => ({ cpu: record.cpu, step: record.step, text: recordText(record, context) }));
      lines.push({ point, cpu, act: did === '' ? 'goes on' : did, records });
      stood[cpu] = standsBefore(lanes[cpu]!.at, kernel);
    },
    lines: () => lines,
  };
}

function standsBefore(at: Point | undefined, k: Kernel): string {
  if (at === undefined) return '';
  if (at.kind === 'wait' || at.kind === 'halt') return at.reason === '' ? at.kind : `${at.kind}: ${at.reason}`;
  return at.address === 0 ? at.kind : `${at.kind} ${placeName(k, at.address)}`;
}
