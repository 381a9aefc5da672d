import { describe, expect, it } from 'vitest';
import { dsb, isb } from '../../src/hardware/instruction/barrier.ts';
import { halt } from '../../src/hardware/instruction/exception.ts';
import { load, store } from '../../src/hardware/instruction/load-store.ts';
import { read } from '../../src/hardware/memory/memory.ts';
import type { Op, PointKind } from '../../src/hardware/op.ts';
import { cpuOf } from '../../src/hardware/system.ts';
import { tlbi } from '../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP } from '../../src/hardware/translation/access.ts';
import { newData, sharedPage, smallMachine } from './small-machine.ts';

describe('points', () => {
  it('come before each instruction under a scheduler, and say what is about to happen', () => {
    const machine = smallMachine();
    const page = newData(machine.memory, 0n);
    const cpu = cpuOf(machine, 0, { choose: () => 0, controlled: true });
    const points: (readonly [PointKind, number])[] = [];
    const op = (function* (): Op {
      yield* store(cpu, FIXMAP + page, 1n);
      yield* load(cpu, FIXMAP + page);
      yield* tlbi(cpu, 'vmalle1is');
      yield* dsb(cpu, 'ish');
      yield* isb(cpu);
    })();
    for (let step = op.next(); !step.done; step = op.next()) {
      if (points.length === 0) expect(read(machine.memory, page)).toBe(0n);
      points.push([step.value.kind, step.value.address]);
    }
    expect(points).toEqual([
      ['store', FIXMAP + page],
      ['load', FIXMAP + page],
      ['tlbi', 0],
      ['dsb', 0],
      ['isb', 0],
    ]);
  });

  it('of a halted CPU never end', () => {
    const { a } = sharedPage(0n);
    const op = halt(a, 'panic');
    for (let i = 0; i < 3; i++) expect(op.next().value).toMatchObject({ kind: 'halt', reason: 'panic' });
  });
});
