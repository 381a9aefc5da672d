import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { allocatedFrames } from '../../../src/hardware/memory/frame.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import { splitKernelLeafMapping } from '../../../src/kernel/linear-map/split-leaf.ts';
import { bootAll, interleave, runToEnd } from '../interleaved.ts';

const KiB = 2 ** 10;
const GiB = 2 ** 30;

describe('two CPUs that split one block', () => {
  test('take turns, and make one table of it', () => {
    const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 2, memoryBytes: 2 * GiB });
    for (let seed = 1; seed <= 10; seed++) {
      const { machine, cpus, kernels, violations } = bootAll(board, {}, seed);
      runToEnd(finaliseSystemCapabilities(cpus[0]!, kernels[0]!));
      const frames = allocatedFrames(machine.memory).now;
      const block = physToVirt(kernels[0]!.space, 0x5000_0000);
      const split = (id: number, va: number) => splitKernelLeafMapping(cpus[id]!, kernels[id]!, va, va + 4 * KiB);
      interleave([split(0, block + 4 * KiB), split(1, block + 128 * KiB)], seed);
      expect(allocatedFrames(machine.memory).now - frames).toBe(1);
      expect(violations).toEqual([]);
    }
  });
});
