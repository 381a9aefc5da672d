import { describe, expect, test } from 'vitest';
import { isBranch } from '../../../src/arch/instruction.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { TEXT_WORDS } from '../../../src/hardware/memory/instruction-memory.ts';
import { read } from '../../../src/hardware/memory/memory.ts';
import type { Op } from '../../../src/hardware/op.ts';
import { imageVa } from '../../../src/kernel/address-space.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import {
  branchVa,
  staticBranchDec,
  staticBranchDisable,
  staticBranchEnable,
  staticBranchInc,
  staticBranchUnlikely,
} from '../../../src/kernel/ptdump/static-key.ts';
import { STATIC_KEYS } from '../../../src/kernel/ptdump/static-keys.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';
import { bootSmall, type Interleaved, interleave, runToEnd } from '../interleaved.ts';
import { recorded } from '../recorded.ts';

const KEY = 'arm64_ptdump_lock_key';

function small(cpus: number) {
  return resizedBoard(defaultBoard, { cpus, memoryBytes: 2 ** 28 });
}

function wanted({ memory, k }: Pick<Booted, 'memory' | 'k'>): bigint {
  return read(memory, variablePa(k, KEY));
}

/** What memory holds where the branch is. */
function isB({ memory }: Pick<Booted, 'memory'>): boolean {
  return isBranch(read(memory, memory.textPa));
}

test('there is room for the branch of every key', () => {
  expect(STATIC_KEYS.length).toBeLessThanOrEqual(TEXT_WORDS);
});

describe('one CPU', () => {
  test('patches when the first wants the branch and when the last does not, and not in between', () => {
    const booted = bootCpu(small(1));
    const { cpu, k } = booted;
    const step = (op: Op, count: bigint, on: boolean, patches: boolean): void => {
      const { did } = recorded(cpu, op);
      expect(wanted(booted)).toBe(count);
      expect(isB(booted)).toBe(on);
      expect(complete(staticBranchUnlikely(cpu, k, KEY))).toBe(on);
      expect(did.includes('dc-cvau')).toBe(patches);
    };
    step(staticBranchInc(cpu, k, KEY), 1n, true, true);
    step(staticBranchInc(cpu, k, KEY), 2n, true, false);
    step(staticBranchDec(cpu, k, KEY), 1n, true, false);
    step(staticBranchDec(cpu, k, KEY), 0n, false, true);
  });

  test('enables and disables, however often it is said', () => {
    const booted = bootCpu(small(1));
    const { cpu, k } = booted;
    for (const [op, count] of [
      [staticBranchEnable, 1n],
      [staticBranchEnable, 1n],
      [staticBranchDisable, 0n],
      [staticBranchDisable, 0n],
    ] as const) {
      complete(op(cpu, k, KEY));
      expect(wanted(booted)).toBe(count);
      expect(isB(booted)).toBe(count === 1n);
    }
  });

  test('aarch64_insn_patch_text_nosync(): STR; DC CVAU; DSB ISH; IC IVAU; DSB ISH; ISB', () => {
    const { cpu, k } = bootCpu(small(1));
    const { did } = recorded(cpu, staticBranchInc(cpu, k, KEY));
    const from = did.indexOf('store', did.indexOf('store') + 1); // after the key's word says that somebody patches
    expect(did.slice(from, did.indexOf('isb') + 1)).toEqual([
      'store',
      'rmw',
      'dc-cvau',
      'dsb ish',
      'ic-ivau',
      'dsb ish',
      'isb',
    ]);
  });

  test('executes the text where the kernel is mapped to be executed', () => {
    const { k } = bootCpu(small(1));
    expect(branchVa(k, KEY)).toBe(imageVa(k.space, k.space.text));
  });
});

describe('several CPUs', () => {
  const ROUNDS = 4;

  function counting(machine: Interleaved, seed: number): void {
    const programs = machine.cpus.map(function* (cpu, id): Op {
      const k = machine.kernels[id]!;
      for (let i = 0; i < ROUNDS; i++) {
        yield* staticBranchInc(cpu, k, KEY);
        expect(isB(machine.machine)).toBe(true); // whoever has it on finds it on, whatever the others do
        expect(yield* load(cpu, k.symbols.variables[KEY])).not.toBe(0n);
        yield* staticBranchDec(cpu, k, KEY);
      }
    });
    interleave(programs, seed);
  }

  test('count together, and lose no count', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const machine = bootSmall(3, {}, seed);
      counting(machine, seed);
      const k = machine.kernels[0]!;
      expect(wanted({ memory: machine.machine.memory, k })).toBe(0n);
      expect(isB(machine.machine)).toBe(false);
      expect(machine.violations).toEqual([]);
    }
  });

  test('a CPU that has not synchronised its context may execute either, and one that has only the new', () => {
    const seen = new Set<boolean>();
    for (let seed = 1; seed <= 12; seed++) {
      const { cpus, kernels } = bootSmall(2, {}, seed);
      runToEnd(staticBranchInc(cpus[0]!, kernels[0]!, KEY));
      expect(runToEnd(staticBranchUnlikely(cpus[0]!, kernels[0]!, KEY))).toBe(true); // patching ends with its ISB
      seen.add(runToEnd(staticBranchUnlikely(cpus[1]!, kernels[1]!, KEY)));
    }
    expect(seen).toEqual(new Set([true, false]));
  });
});
