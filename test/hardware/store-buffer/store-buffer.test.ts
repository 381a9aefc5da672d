import { describe, expect, it } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { type Barrier, dsb } from '../../../src/hardware/instruction/barrier.ts';
import { compareAndSwap, load, store } from '../../../src/hardware/instruction/load-store.ts';
import { fillTable } from '../../../src/hardware/instruction/table-fill.ts';
import { isPending } from '../../../src/hardware/memory/frame.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import { drainSome } from '../../../src/hardware/store-buffer/drain.ts';
import { drainAll, drainOne, forwarded, isFull, pushStore } from '../../../src/hardware/store-buffer/store-buffer.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { FIXMAP, walkAndFill } from '../../../src/hardware/translation/access.ts';
import { lookup, MISS } from '../../../src/hardware/translation/tlb.ts';
import { paOf } from '../../../src/hardware/translation/tlb-entry.ts';
import {
  entryOf,
  everyChance,
  KERNEL,
  leaf,
  map,
  newData,
  newTable,
  PAGE,
  run,
  smallMachine,
} from '../small-machine.ts';

const nothing = (): void => {};

describe('the buffer', () => {
  it('keeps stores to one address in order, whichever entry the hardware picks', () => {
    for (const pick of [0, 1, 2]) {
      const { memory, root, cpus } = smallMachine();
      const { stores } = cpus[0]!;
      for (const value of [1n, 2n, 3n]) pushStore(stores, root, value);
      const seen: bigint[] = [];
      drainAll(
        stores,
        memory,
        (count) => pick % count,
        (_pa, _before, after) => seen.push(after),
      );
      expect(seen).toEqual([1n, 2n, 3n]);
      expect(read(memory, root)).toBe(3n);
    }
  });

  it('lets stores to different addresses leave in any order', () => {
    const orders = everyChance((choose) => {
      const { memory, root, cpus } = smallMachine();
      const { stores } = cpus[0]!;
      for (const i of [1, 2, 3]) pushStore(stores, root + 8 * i, BigInt(i));
      let order = '';
      drainAll(
        stores,
        memory,
        (count) => choose(count, 'drain'),
        (_pa, _before, after) => (order += after),
      );
      return order;
    });
    expect([...orders].sort()).toEqual(['123', '132', '213', '231', '312', '321']);
  });

  it('tells what each store replaced at the moment it shows', () => {
    const { memory, root, cpus } = smallMachine();
    const told: [number, bigint, bigint][] = [];
    pushStore(cpus[0]!.stores, root, 5n);
    exchange(memory, root, 4n);
    drainOne(cpus[0]!.stores, memory, 0, (...change) => told.push(change));
    expect(told).toEqual([[root, 4n, 5n]]);
  });

  it('holds what the board says and no more', () => {
    const { root, cpus } = smallMachine();
    const { stores } = cpus[0]!;
    for (let i = 0; i < 8; i++) {
      expect(isFull(stores)).toBe(false);
      pushStore(stores, root + 8 * i, 1n);
    }
    expect(isFull(stores)).toBe(true);
    expect(() => pushStore(stores, root, 1n)).toThrow('overflow');
  });

  it('forwards the youngest store to an address, and nothing for others', () => {
    const { root, cpus } = smallMachine();
    const { stores } = cpus[0]!;
    pushStore(stores, root, 1n);
    pushStore(stores, root, 2n);
    pushStore(stores, root + 8, 0n, 1);
    expect(forwarded(stores, root)).toBe(2n);
    expect(forwarded(stores, root + 8)).toBeUndefined();
  });
});

/** A page whose entry has just been stored and is still buffered. */
function buffered(): { cpu: Cpu; other: Cpu; entry: number; word: bigint; memory: Parameters<typeof read>[0] } {
  const machine = smallMachine();
  const [cpu, other] = machine.cpus as [Cpu, Cpu];
  const entry = entryOf(machine.memory, machine.root, KERNEL, 3);
  const word = leaf(newData(machine.memory, 1n), 3);
  run(store(cpu, FIXMAP + entry, word));
  return { cpu, other, entry, word, memory: machine.memory };
}

describe('a buffered page-table store', () => {
  it('is seen by loads of its own CPU, and by no other CPU', () => {
    const { cpu, other, entry, word } = buffered();
    expect(run(load(cpu, FIXMAP + entry))).toBe(word);
    expect(run(load(other, FIXMAP + entry))).toBe(0n);
  });

  it('is not seen by walks, its own CPU included, until it drains', () => {
    const { cpu, other } = buffered();
    for (const each of [cpu, other]) expect(walkAndFill(each, each.regime1!, KERNEL, 0)).toBeLessThan(0);
    drainSome(cpu);
    for (const each of [cpu, other]) expect(walkAndFill(each, each.regime1!, KERNEL, 0)).toBeGreaterThanOrEqual(0);
  });

  it.each<Barrier>(['ish', 'ishst'])('is visible after DSB %s', (barrier) => {
    const { cpu, entry, word, memory } = buffered();
    run(dsb(cpu, barrier));
    expect(read(memory, entry)).toBe(word);
    expect(cpu.stores.count[0]).toBe(0);
  });

  it.each<Barrier>(['nsh', 'nshst'])('is after DSB %s for its own walker, and need not be for another', (barrier) => {
    const { cpu, other, entry, memory } = buffered();
    run(dsb(cpu, barrier));
    expect(read(memory, entry)).toBe(0n);
    expect(walkAndFill(other, other.regime1!, KERNEL, 0)).toBeLessThan(0);
    expect(walkAndFill(cpu, cpu.regime1!, KERNEL, 0)).toBeGreaterThanOrEqual(0);
  });

  it('is visible before a compare-and-swap of the same CPU is', () => {
    const { cpu, entry, word, memory } = buffered();
    expect(run(compareAndSwap(cpu, FIXMAP + entry, word, 0n))).toBe(word);
    expect(read(memory, entry)).toBe(0n);
  });

  it('may show at any time, a DSB or not', () => {
    const shown = everyChance((choose) => {
      const machine = smallMachine({ choose });
      const entry = entryOf(machine.memory, machine.root, KERNEL, 3);
      run(store(machine.cpus[0]!, FIXMAP + entry, 1n));
      return read(machine.memory, entry);
    });
    expect(shown).toEqual(new Set([0n, 1n]));
  });

  it('makes room for the next by showing, never by getting lost', () => {
    const machine = smallMachine();
    const table = newTable(machine.memory);
    for (let i = 0; i < 20; i++) run(store(machine.cpus[0]!, FIXMAP + table + 8 * i, BigInt(i + 1)));
    expect(machine.cpus[0]!.stores.count[0]).toBe(8);
    for (let i = 0; i < 12; i++) expect(read(machine.memory, table + 8 * i)).toBe(BigInt(i + 1));
  });

  it('takes no room when it goes to a page that is no table', () => {
    const { memory, cpus } = smallMachine();
    const data = newData(memory, 0n);
    run(store(cpus[0]!, FIXMAP + data, 9n));
    expect([cpus[0]!.stores.count[0], read(memory, data)]).toEqual([0, 9n]);
  });
});

describe('DSB ISHST', () => {
  it('shows the stores but completes no TLBI; DSB ISH does', () => {
    const machine = smallMachine({ chances: { deliver: 1 } });
    const [cpu, other] = machine.cpus as [Cpu, Cpu];
    map(machine, KERNEL, newData(machine.memory, 1n));
    run(load(other, KERNEL));
    run(store(cpu, FIXMAP + entryOf(machine.memory, machine.root, KERNEL, 3), 0n));
    run(dsb(cpu, 'ishst'));
    run(tlbi(cpu, 'vmalle1is'));
    run(dsb(cpu, 'ishst'));
    expect(run(load(other, KERNEL))).toBe(1n);
    run(dsb(cpu, 'ish'));
    expect(() => run(load(other, KERNEL))).toThrow('halt');
    expect(lookup(other.tlb, KERNEL, 0)).toBe(MISS);
  });
});

describe('a filled table', () => {
  /** What a walk through a table that was filled, linked and perhaps followed by a DSB can find. */
  function walks(barrier?: Barrier): Set<string> {
    return everyChance((choose) => {
      const machine = smallMachine({ choose });
      const [cpu, other] = machine.cpus as [Cpu, Cpu];
      const parent = entryOf(machine.memory, machine.root, KERNEL, 2);
      const table = newTable(machine.memory);
      run(fillTable(cpu, FIXMAP + table, leaf(0x4020_0000, 3), PAGE));
      if (barrier !== undefined) run(dsb(cpu, barrier));
      exchange(machine.memory, parent, BigInt(table) | 3n);
      const way = walkAndFill(other, other.regime1!, KERNEL + 5 * PAGE, 0);
      return way < 0 ? 'poison' : paOf(other.tlb, way) === 0x4020_5000 ? 'filled' : 'wrong';
    });
  }

  it('may read as poison before the next barrier', () => {
    expect(walks()).toEqual(new Set(['poison', 'filled']));
  });

  it.each<Barrier>(['ish', 'ishst'])('never reads as poison after DSB %s', (barrier) => {
    expect(walks(barrier)).toEqual(new Set(['filled']));
  });

  it.each<Barrier>(['nsh', 'nshst'])('may read as poison on another CPU after DSB %s', (barrier) => {
    expect(walks(barrier)).toEqual(new Set(['poison', 'filled']));
  });

  it('counts as one entry of the buffer, and stays filled for good once a walk has seen it', () => {
    const machine = smallMachine();
    const table = newTable(machine.memory);
    run(fillTable(machine.cpus[0]!, FIXMAP + table, leaf(0x4020_0000, 3), PAGE));
    expect([machine.cpus[0]!.stores.count[0], isPending(machine.memory, table)]).toEqual([1, true]);
    drainAll(machine.cpus[0]!.stores, machine.memory, () => 0, nothing);
    expect(isPending(machine.memory, table)).toBe(false);
    expect(read(machine.memory, table + 8 * 511)).toBe(leaf(0x4020_0000 + 511 * PAGE, 3));
  });
});
