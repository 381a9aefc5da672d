import { describe, expect, it } from 'vitest';
import { formatPa } from '../../../src/arch/address.ts';
import { RIGHT_EL1_READ } from '../../../src/arch/permission.ts';
import { fillTable } from '../../../src/hardware/instruction/table-fill.ts';
import {
  allocatedFrames,
  allocateFrame,
  claimImageFrame,
  FRAME_DATA,
  FRAME_FREE,
  FRAME_TABLE,
  fillFrame,
  freeFrame,
  isPending,
  placeTable,
} from '../../../src/hardware/memory/frame.ts';
import {
  CONTROL_ALLOC_CURSOR,
  CONTROL_PENDING_FILLS,
  FRAME_FREEING,
  FRAME_GENERATION,
  frameOf,
  framePa,
  inRam,
  isTableWord,
  POISON_HALF,
  read,
  wordOf,
} from '../../../src/hardware/memory/memory.ts';
import { placeOf } from '../../../src/hardware/memory/table-word.ts';
import { FIXMAP, translate, walkAndFill } from '../../../src/hardware/translation/access.ts';
import { lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import { entryOf, KERNEL, map, newData, newTable, PAGE, run, smallMachine } from '../small-machine.ts';

const POISON = (BigInt(POISON_HALF) << 32n) | BigInt(POISON_HALF);

describe('frames', () => {
  it('come one at a time, inside RAM, from the top, until the pool is empty', () => {
    const { memory } = smallMachine({ poolFrames: 4 });
    const taken = [FRAME_DATA, FRAME_TABLE, FRAME_DATA].map((kind) => allocateFrame(memory, kind as 1 | 2));
    expect(new Set(taken).size).toBe(3);
    expect(taken.every((pa) => inRam(memory, pa) && pa % PAGE === 0)).toBe(true);
    expect(taken[0]! - taken[1]!).toBe(PAGE);
    expect(allocateFrame(memory, FRAME_DATA)).toBe(-1);
    expect(allocatedFrames(memory)).toEqual({ now: 4, peak: 4 });
    freeFrame(memory, taken[1]!);
    expect(allocatedFrames(memory)).toEqual({ now: 3, peak: 4 });
    expect(allocateFrame(memory, FRAME_DATA)).toBe(taken[1]);
  });

  it('are found from their address and back, image and pool alike, and nothing else is', () => {
    const { memory } = smallMachine({ poolFrames: 4 });
    for (let frame = 0; frame < memory.imageFrames + 4; frame++) {
      const pa = framePa(memory, frame);
      expect([frameOf(memory, pa), frameOf(memory, pa + PAGE - 1)]).toEqual([frame, frame]);
      expect(wordOf(memory, pa + 8) - wordOf(memory, pa)).toBe(1);
    }
    for (const pa of [memory.imagePa - 8, memory.imagePa + memory.imageBytes, memory.poolPa + memory.poolBytes])
      expect([frameOf(memory, pa), wordOf(memory, pa)]).toEqual([-1, -1]);
  });

  it('keep being handed out when the cursor wraps at 2^32', () => {
    const { memory } = smallMachine({ poolFrames: 4 });
    memory.control[CONTROL_ALLOC_CURSOR] = -2;
    expect(new Set([0, 1, 2].map(() => allocateFrame(memory, FRAME_DATA))).has(-1)).toBe(false);
  });

  it('are poisoned and one generation older once given back, before anybody can have them again', () => {
    const { memory } = smallMachine();
    const pa = newData(memory, 7n);
    const frame = frameOf(memory, pa);
    const states: number[] = [];
    const { halves } = memory;
    const watched = new Proxy(halves, {
      set(target, index, value) {
        states.push(memory.frameState[frame]!);
        target[Number(index)] = value as number;
        return true;
      },
    });
    freeFrame({ ...memory, halves: watched }, pa);
    expect(new Set(states)).toEqual(new Set([FRAME_FREEING]));
    expect(states.length).toBe(PAGE / 4);
    expect([memory.frameState[frame], memory.frameMeta[frame * 4 + FRAME_GENERATION]]).toEqual([FRAME_FREE, 1]);
    for (const offset of [0, 8, PAGE - 8]) expect(read(memory, pa + offset)).toBe(POISON);
  });

  it('cannot be given back twice, nor by whoever never had them', () => {
    const { memory } = smallMachine();
    const pa = newData(memory, 0n);
    freeFrame(memory, pa);
    for (const wrong of [pa, memory.imagePa, 0x4010_0000, memory.poolPa])
      expect(() => freeFrame(memory, wrong), formatPa(wrong)).toThrow('not an allocated frame');
  });

  it('given back while their fill was pending leave nothing pending', () => {
    const { memory, cpus } = smallMachine();
    const table = newTable(memory);
    run(fillTable(cpus[0]!, FIXMAP + table, 0n, 0));
    expect(isPending(memory, table)).toBe(true);
    freeFrame(memory, table);
    expect([isPending(memory, table), memory.control[CONTROL_PENDING_FILLS]]).toEqual([false, 0]);
  });

  it('hang nowhere when they are new, whatever they were before', () => {
    const { memory, root } = smallMachine({ poolFrames: 2 });
    const table = newTable(memory);
    placeTable(memory, table, 1, KERNEL, root);
    expect(placeOf(memory, table + 8)).toMatchObject({ level: 1, va: KERNEL + 2 ** 30 });
    freeFrame(memory, table);
    expect(placeOf(memory, table)).toBeUndefined();
    expect(newTable(memory)).toBe(table);
    expect(placeOf(memory, table)).toBeUndefined();
  });

  it('of the image serve as tables and as data, and are not part of the pool', () => {
    const { memory } = smallMachine();
    const pa = claimImageFrame(memory, 3, FRAME_TABLE);
    expect(isTableWord(memory, pa)).toBe(true);
    fillFrame(memory, pa, 1, 2);
    expect(read(memory, pa + PAGE - 8)).toBe(0x2_0000_0001n);
    expect(isTableWord(memory, claimImageFrame(memory, 4, FRAME_DATA))).toBe(false);
    expect(() => claimImageFrame(memory, memory.imageFrames, FRAME_DATA)).toThrow('no frame');
  });
});

describe('a freed table', () => {
  /** A page reached through a table that is then freed without a TLBI. */
  function useAfterFree(): { noticed: number[]; walk: () => number; table: number } {
    const noticed: number[] = [];
    const machine = smallMachine({ observer: { freedWalk: (_cpu, _va, pa) => noticed.push(pa) } });
    const cpu = machine.cpus[0]!;
    const entry = map(machine, KERNEL, newData(machine.memory, 1n));
    translate(cpu, KERNEL, RIGHT_EL1_READ);
    const table = entry - (entry % PAGE);
    return {
      noticed,
      table,
      walk: () => {
        freeFrame(machine.memory, table);
        return walkAndFill(cpu, cpu.regime1!, KERNEL + PAGE, 0);
      },
    };
  }

  it('is noticed when somebody still walks it, and poison translates nothing', () => {
    const { noticed, walk, table } = useAfterFree();
    expect(walk()).toBeLessThan(0);
    expect(noticed).toEqual([table + 8]);
  });

  it('is not noticed, and not walked, when nobody does', () => {
    const noticed: number[] = [];
    const machine = smallMachine({ observer: { freedWalk: (_cpu, _va, pa) => noticed.push(pa) } });
    const table = newTable(machine.memory);
    map(machine, KERNEL, newData(machine.memory, 1n));
    freeFrame(machine.memory, table);
    expect(translate(machine.cpus[0]!, KERNEL, RIGHT_EL1_READ)).toBeGreaterThan(0);
    expect(noticed).toEqual([]);
    expect(lookup(machine.cpus[0]!.tlb, KERNEL, 0)).not.toBe(MISS);
    expect(entryOf(machine.memory, machine.root, KERNEL, 3)).toBeGreaterThan(0);
  });
});
