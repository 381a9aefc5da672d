import { describe, expect, test } from 'vitest';
import { linearMap } from '../../../src/check/map/linear-map.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { hostRefuses } from '../../../src/hardware/instruction/rsi.ts';
import { wordOf } from '../../../src/hardware/memory/memory.ts';
import type { Machine } from '../../../src/hardware/system.ts';
import { setShared, sharedBit, sharedWithin } from '../../../src/hardware/translation/stage2.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import type { KernelConfig } from '../../../src/kernel/config.ts';
import { EINVAL } from '../../../src/kernel/errno.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { setMemoryDecrypted, setMemoryEncrypted } from '../../../src/kernel/linear-map/realm.ts';
import { kernelTree, ranges } from '../../../src/kernel/ptdump/ptdump.ts';
import { bootCpu, complete } from '../boot-cpu.ts';

const PA = 0x4380_0000;
const PAGES = 3;

function ready(config: Partial<KernelConfig>, granule: '4K' | '16K' | '64K' = '4K') {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 2 ** 30, granule });
  const { cpu, k, memory } = bootCpu(board, { realm: true, ...config });
  complete(finaliseSystemCapabilities(cpu, k));
  const bytes = PAGES * k.space.granule.pageBytes;
  const va = physToVirt(k.space, PA);
  memory.words[wordOf(memory, variablePa(k, 'system_state'))] = 1n;
  return {
    memory,
    judged: () => linearMap.atRest!({ memory } as Machine, k).map(({ message }) => message.replace(/^\S+ /, '')),
    share: () => complete(setMemoryDecrypted(cpu, k, va, PAGES)),
    takeBack: () => complete(setMemoryEncrypted(cpu, k, va, PAGES)),
    shared: () => sharedWithin(memory, PA, bytes),
    /** Where the range is said to lie; undefined: it is not mapped. */
    mapped: () =>
      ranges(memory, kernelTree(k.space, k.symbols.swapperPgDir)).find(
        (range) => range.va <= va && va + bytes <= range.va + range.bytes * range.count,
      )?.pa,
  };
}

describe.each(['6.18', '7.1', '7.3'] as const)('__set_memory_enc_dec(), %s', (revision) => {
  test.each(['4K', '16K', '64K'] as const)('shares pages and takes them back, %s granule', (granule) => {
    const { memory, share, takeBack, shared, mapped } = ready({ revision }, granule);
    expect([share(), shared(), mapped()]).toEqual([0, PAGES, PA + sharedBit(memory)]);
    expect([takeBack(), shared()]).toEqual([0, 0]);
    expect(mapped()! < sharedBit(memory)).toBe(true);
  });

  test('leaves the pages unmapped where the host refuses, and may be asked again', () => {
    const { memory, share, takeBack, shared, mapped } = ready({ revision });
    hostRefuses(memory, true);
    expect([share(), shared(), mapped()]).toEqual([-EINVAL, 0, undefined]);
    hostRefuses(memory, false);
    expect(takeBack()).toBe(0);
    expect(mapped()).toBeDefined();
  });
});

test('what is shared is mapped so at rest, and nothing else is', () => {
  const { memory, share, takeBack, judged } = ready({ revision: '7.1' });
  const about = () => judged().filter((message) => message.includes('host'));
  expect([share(), about()]).toEqual([0, []]);
  setShared(memory, PA, false);
  expect(about()).toEqual(["is mapped as shared with the host, but is the realm's own"]);
  expect([takeBack(), about()]).toEqual([0, []]);
  setShared(memory, PA, true);
  expect(about()).toEqual(["is mapped as the realm's own, but is shared with the host"]);
});

test('does nothing, and says 0, outside of a realm', () => {
  const { memory, share, shared, mapped } = ready({ realm: false });
  expect([share(), shared()]).toEqual([0, 0]);
  expect(mapped()! < sharedBit(memory)).toBe(true);
});
