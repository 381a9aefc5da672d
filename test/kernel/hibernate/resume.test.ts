import { describe, expect, test } from 'vitest';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { resizedBoard } from '../../../src/hardware/board/board-resize.ts';
import { load, store } from '../../../src/hardware/instruction/load-store.ts';
import { allocatedFrames, allocateFrame } from '../../../src/hardware/memory/frame.ts';
import { FRAME_DATA } from '../../../src/hardware/memory/memory.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { finaliseSystemCapabilities } from '../../../src/kernel/boot/cpufeature.ts';
import { ENOMEM } from '../../../src/kernel/errno.ts';
import { swsuspArchResume } from '../../../src/kernel/hibernate/resume.ts';
import { kernelPagePresent, safeCopyPage } from '../../../src/kernel/hibernate/snapshot.ts';
import { linearAliasRo, setMemoryValid } from '../../../src/kernel/linear-map/pageattr.ts';
import { failAllocations } from '../../../src/kernel/tables/pgalloc.ts';
import { bootCpu, complete } from '../boot-cpu.ts';

function ready(granule: '4K' | '16K' | '64K' = '4K') {
  const board = resizedBoard(boardPresets.get('symmetric-8')!, { cpus: 1, memoryBytes: 2 ** 30, granule });
  const { cpu, k, memory } = bootCpu(board, { revision: '7.1' });
  complete(finaliseSystemCapabilities(cpu, k));
  const frame = () => physToVirt(k.space, allocateFrame(memory, FRAME_DATA));
  return { cpu, k, memory, page: frame(), safe: frame(), tables: () => allocatedFrames(memory).now };
}

describe('safe_copy_page()', () => {
  test.each(['4K', '16K', '64K'] as const)('saves what is not mapped, and leaves it so: %s granule', (granule) => {
    const { cpu, k, page, safe } = ready(granule);
    complete(store(cpu, page + 16, 42n));
    expect(complete(kernelPagePresent(cpu, k, page))).toBe(true);
    complete(setMemoryValid(cpu, k, page, 1, false));
    expect(complete(kernelPagePresent(cpu, k, page))).toBe(false);
    complete(safeCopyPage(cpu, k, safe, page));
    expect(complete(load(cpu, safe + 16))).toBe(42n);
    expect(complete(kernelPagePresent(cpu, k, page))).toBe(false);
    expect(() => complete(load(cpu, page))).toThrow('an exception that nobody handles');
  });
});

describe('swsusp_arch_resume()', () => {
  test.each(['4K', '16K', '64K'] as const)(
    'writes over what is read-only and what is not there: %s granule',
    (granule) => {
      const { cpu, k, page, safe, tables } = ready(granule);
      complete(store(cpu, page + 8, 1n));
      complete(safeCopyPage(cpu, k, safe, page));
      complete(store(cpu, page + 8, 2n));
      complete(linearAliasRo(cpu, k, page, 1));
      complete(setMemoryValid(cpu, k, page, 1, false));
      const before = tables();
      expect(complete(swsuspArchResume(cpu, k, [{ address: safe, origAddress: page }]))).toBe(0);
      expect(tables()).toBe(before);
      expect(complete(kernelPagePresent(cpu, k, page))).toBe(false); // its table was not in the image
      complete(setMemoryValid(cpu, k, page, 1, true));
      expect(complete(load(cpu, page + 8))).toBe(1n);
      expect(() => complete(store(cpu, page, 0n))).toThrow('an exception that nobody handles'); // read-only, as before
    },
  );

  test('changes nothing, and keeps nothing, where there is no room for the copy', () => {
    const { cpu, k, memory, page, safe, tables } = ready();
    const before = tables();
    failAllocations(memory.control, 1);
    expect(complete(swsuspArchResume(cpu, k, [{ address: safe, origAddress: page }]))).toBe(-ENOMEM);
    expect(tables()).toBe(before);
  });
});
