import { describe, expect, it } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { fillTable } from '../../../src/hardware/instruction/table-fill.ts';
import { clearPending, setPending } from '../../../src/hardware/memory/frame.ts';
import { layoutOf } from '../../../src/hardware/memory/layout.ts';
import {
  allocateBuffer,
  attachMemory,
  commitPool,
  compareExchange,
  derivedValue,
  exchange,
  FRAME_TABLE,
  fetchAdd,
  frameOf,
  inRam,
  type Memory,
  POISON_HALF,
  read,
  type WalkerPort,
  walkerPort,
  wordOf,
} from '../../../src/hardware/memory/memory.ts';
import { FIXMAP } from '../../../src/hardware/translation/access.ts';
import { beside } from '../second-thread.ts';
import { newData, newTable, PAGE, run, smallMachine } from '../small-machine.ts';

const UNBACKED = 0x4010_0000;

function fetched(port: WalkerPort, pa: number): bigint | undefined {
  if (!port.fetch(pa, pa | 0, Math.floor(pa / 2 ** 32))) return undefined;
  return (BigInt(port.halves[1]!) << 32n) | BigInt(port.halves[0]!);
}

describe('physical memory', () => {
  it('keeps its contents when the host is made to commit it', () => {
    const { memory } = smallMachine();
    const pa = newData(memory, 0x0123_4567_89ab_cdefn);
    const before = memory.halves.slice();
    commitPool(memory);
    expect(memory.halves).toEqual(before);
    expect(read(memory, pa)).toBe(0x0123_4567_89ab_cdefn);
  });

  it('keeps what is stored where frames back it', () => {
    const { memory } = smallMachine();
    const pa = newData(memory, 5n);
    expect(exchange(memory, pa, 6n)).toBe(5n);
    expect(compareExchange(memory, pa, 5n, 9n)).toBe(6n);
    expect(compareExchange(memory, pa, 6n, 9n)).toBe(6n);
    expect(fetchAdd(memory, pa, 0xffff_ffff_ffff_ffffn)).toBe(9n);
    expect([read(memory, pa), read(memory, pa + 8)]).toEqual([8n, 5n]);
  });

  it('answers by address where nothing backs it, so that a wrong translation shows', () => {
    const { memory } = smallMachine();
    const values = Array.from({ length: 4096 }, (_, i) => read(memory, UNBACKED + i * 8));
    expect(new Set(values).size).toBe(4096);
    expect(read(memory, UNBACKED)).toBe(derivedValue(UNBACKED));
    expect(derivedValue(UNBACKED)).not.toBe(derivedValue(UNBACKED + 2 ** 32));
  });

  it('refuses stores to what nothing backs', () => {
    const { memory } = smallMachine();
    expect(() => exchange(memory, UNBACKED, 1n)).toThrow('allocate the page first');
  });
});

describe('the walker’s port', () => {
  it('reads what the other door reads, in the pool, in the image and where nothing backs', () => {
    const { memory } = smallMachine();
    const port = walkerPort(memory, () => true);
    const table = newTable(memory);
    exchange(memory, table + 8, 0xfedc_ba98_7654_3210n);
    exchange(memory, memory.imagePa + 16, 0x8000_0000_0000_0001n);
    for (const pa of [table, table + 8, memory.imagePa + 16, memory.poolPa, UNBACKED])
      expect(fetched(port, pa)).toBe(read(memory, pa));
    expect(fetched(port, 2 ** 40)).toBeUndefined();
    expect(inRam(memory, 2 ** 40)).toBe(false);
  });

  it.each([
    ['ends', 0x1_0000_0000 + 3 * PAGE],
    ['begins', 0x1_0000_0000 + 64 * PAGE],
  ])('finds its frames where the pool %s just above a multiple of 4 GiB', (_, end) => {
    const base = 0x8000_0000;
    const board = { ...boardPresets.get('tiny-2')!, memory: [{ base, bytes: end - base }] };
    const layout = layoutOf(board, 64);
    const memory: Memory = attachMemory(allocateBuffer(layout), layout, board.memory);
    const port = walkerPort(memory, () => true);
    memory.frameState.fill(FRAME_TABLE);
    for (let pa = memory.poolPa; pa < end; pa += PAGE) {
      exchange(memory, pa + 8, BigInt(pa));
      expect(fetched(port, pa + 8)).toBe(BigInt(pa));
      expect(wordOf(memory, pa)).toBeGreaterThan(0);
    }
    expect(port.freedPa).toBe(0);
    expect(fetched(port, end)).toBeUndefined();
    for (const beyond of [32, 33, 35, 47]) expect(fetched(port, memory.poolPa + 2 ** beyond)).toBeUndefined();
  });

  it('notices a page that is not an allocated table, and none that is', () => {
    const { memory } = smallMachine();
    const port = walkerPort(memory, () => true);
    fetched(port, newTable(memory));
    expect(port.freedPa).toBe(0);
    for (const pa of [newData(memory, 1n), memory.poolPa, UNBACKED]) {
      port.freedPa = 0;
      fetched(port, pa);
      expect(port.freedPa).toBe(pa);
    }
  });

  it('reads poison from a pending fill that it does not see, and the fill from one that it sees', () => {
    const { memory, cpus } = smallMachine();
    const table = newTable(memory);
    const other = newTable(memory);
    let sees = false;
    const port = walkerPort(memory, () => sees);
    run(fillTable(cpus[0]!, FIXMAP + table, 3n, 0));
    const poison = (BigInt(POISON_HALF) << 32n) | BigInt(POISON_HALF);
    expect([fetched(port, table + 8), fetched(port, other)]).toEqual([poison, 0n]);
    sees = true;
    expect(fetched(port, table + 8)).toBe(3n);
    sees = false;
    clearPending(memory, frameOf(memory, table));
    expect(fetched(port, table + 8)).toBe(3n);
    setPending(memory, frameOf(memory, table), 0);
    expect(fetched(port, table + 8)).toBe(poison);
  });
});

describe('on two threads', () => {
  const patterns = [0x1111_1111_1111_1111n, 0xeeee_eeee_eeee_eeeen] as const;
  const HALVES = new Set([0x1111_1111, 0xeeee_eeee]);

  /** Reads for `limitMs`, and on while the other thread has not had its turn; or until `mixed` says so. */
  async function watch(
    mixed: (memory: Memory, pa: number) => boolean,
    limitMs: number,
    otherHadItsTurn: () => boolean = () => true,
  ): Promise<[mixtures: number, reads: number]> {
    const machine = smallMachine();
    const pa = newTable(machine.memory);
    exchange(machine.memory, pa, patterns[0]);
    let mixtures = 0;
    let reads = 0;
    await beside(machine, { kind: 'alternate', pa, patterns }, () => {
      const began = performance.now();
      const goesOn = (): boolean => {
        const spent = performance.now() - began;
        return spent < limitMs || (!otherHadItsTurn() && spent < 20_000);
      };
      while (mixtures === 0 && goesOn())
        for (let i = 0; i < 10_000; i++, reads++) if (mixed(machine.memory, pa)) mixtures++;
    });
    return [mixtures, reads];
  }

  it('the walker’s read is never a mixture of two stores', async () => {
    const seen = new Set<number>();
    let port: WalkerPort | undefined;
    const read = (memory: Memory, pa: number): boolean => {
      port ??= walkerPort(memory, () => true);
      port.fetch(pa, pa | 0, 0);
      seen.add(port.halves[0]!);
      return port.halves[0] !== port.halves[1] || !HALVES.has(port.halves[0]!);
    };
    const [mixtures, reads] = await watch(read, 400, () => seen.size === 2);
    expect(mixtures).toBe(0);
    expect(reads).toBeGreaterThan(100_000);
    expect(seen).toEqual(HALVES);
  });

  it('two reads of halves would be one', { timeout: 30_000 }, async () => {
    const [mixtures] = await watch((memory, pa) => {
      const word = wordOf(memory, pa) * 2;
      const low = memory.halves[word]!;
      let between = 0;
      while (between < 50) between++;
      return memory.halves[word + 1] !== low;
    }, 20_000);
    expect(mixtures).toBeGreaterThan(0);
  });
});
