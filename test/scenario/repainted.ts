import type { Board } from '../../src/hardware/board/board.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { type BoardSize, resizedBoard } from '../../src/hardware/board/board-resize.ts';
import { finaliseSystemCapabilities } from '../../src/kernel/boot/cpufeature.ts';
import { multiCpuStop, takeStopWork } from '../../src/kernel/boot/stop-machine.ts';
import { linearMapMaybeSplitToPtes, linearMapSplitToPtes } from '../../src/kernel/repaint/repaint.ts';
import { type Scenario, textOf } from '../../src/scenario/scenario.ts';
import { bootAll, type Interleaved, interleave, runToEnd } from '../kernel/interleaved.ts';

export function sized(name: string, size: BoardSize): Board {
  return resizedBoard(boardPresets.get(name)!, size);
}

/** Boot and repaint in one thread, in an order that the seed decides. `died`: why a CPU never ran again; empty if none did. */
export function repainted(board: Board, scenario: Scenario, seed: number): Interleaved & { readonly died: string } {
  const machine = bootAll(board, scenario.kernel, seed, (good) => textOf(scenario, good));
  const { cpus, kernels } = machine;
  runToEnd(finaliseSystemCapabilities(cpus[0]!, kernels[0]!));
  machine.marks.length = 0;
  const programs = cpus.map((cpu, id) => {
    const k = kernels[id]!;
    return (function* () {
      if (id === 0) {
        yield* linearMapMaybeSplitToPtes(cpu, k);
        return;
      }
      while (!(yield* takeStopWork(cpu, k)));
      yield* multiCpuStop(cpu, k, linearMapSplitToPtes);
    })();
  });
  try {
    interleave(programs, seed);
    return { ...machine, died: '' };
  } catch (error) {
    return { ...machine, died: error instanceof Error ? error.message : String(error) };
  }
}
