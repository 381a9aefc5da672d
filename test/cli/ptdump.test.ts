import { describe, expect, test } from 'vitest';
import { bootInTurns } from '../../actors/cli/boot-in-turns.ts';
import { boardPresets } from '../../src/hardware/board/board-presets.ts';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { kernelTree, ranges } from '../../src/kernel/ptdump/ptdump.ts';
import { formatPtdump } from '../../src/kernel/ptdump/ptdump-format.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';
import { sharedRack, smallBoard } from '../thread/small-run.ts';
import { asymmu } from './command.ts';

describe('asymmu ptdump', () => {
  test('prints what the kernel prints, and what it adds up to', async () => {
    const { code, stdout, stderr } = await asymmu(['ptdump', '--seed', '1']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('---[ Linear Mapping start ]---\n0xffff000000000000-0xffff000000210000        2112K PTE ');
    expect(stdout).toContain('---[ vmalloc() area ]---');
    expect(stdout).toMatch(/^linear map {3}4G: 4076M by 4K \(99\.5%\), 20M by 2M \(0\.5%\)$/m);
    expect(stdout).toMatch(/^table pages {2}\d+ \(\d+K\): 1 at level 0, 2 at level 1, 5 at level 2, 2043 at level 3$/m);
  });

  test('shows the map before the others come up', async () => {
    const { stdout } = await asymmu(['ptdump', '--when', 'painted', '--seed', '1']);
    expect(stdout).toMatch(/^linear map .* 992M by 32M cont \(24%\), 3G by 1G \(75%\)$/m);
  });

  test('follows the kernel parameters', async () => {
    const pages = await asymmu(['ptdump', '--board', 'symmetric-8', '--debug-pagealloc', '--seed', '1']);
    expect(pages.stdout).toMatch(/^linear map .* by 4K/m);
    const blocks = await asymmu(['ptdump', '--board', 'symmetric-8', '--seed', '1']);
    expect(blocks.stdout).toMatch(/^linear map .* 3G by 1G \(75%\)$/m);
  });
});

describe('a boot in turns', () => {
  const run = sharedRack();

  test('leaves the tables that a boot on threads leaves', async () => {
    const board = smallBoard('asymmetric-8', { memoryBytes: 128 * 2 ** 20 });
    const threads = await run(repaint, { board, seed: 3 });
    const { machine, kernel } = bootInTurns(board, DEFAULT_CONFIG, 3, 'running');
    const tree = kernelTree(kernel.space, kernel.symbols.swapperPgDir);
    expect(formatPtdump(ranges(machine.memory, tree), tree)).toEqual(
      formatPtdump(ranges(threads.machine.memory, tree), tree),
    );
  });

  test.each([...boardPresets.keys()].filter((name) => !/^(ampereone|olympus)/.test(name)))('gets %s up', (name) => {
    const { machine } = bootInTurns(boardPresets.get(name)!, DEFAULT_CONFIG, 1, 'running');
    expect(machine.board.name).toBe(name);
  });
});
