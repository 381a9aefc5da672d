import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadBoard } from '../../../actors/cli/board/board-file.ts';
import { GiB, KiB, MiB } from '../../../src/hardware/board/board.ts';
import { validateBoard } from '../../../src/hardware/board/board-check.ts';
import { boardPresets } from '../../../src/hardware/board/board-presets.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { folderWith } from '../../folder-with.ts';
import { cpu, read, start } from './board-text.ts';

const _known = 'cortex-x4-r0p3, cortex-a520, ampereone, generic-bbml1';

describe('a board file', () => {
  test('needs a name, memory and CPUs; the rest is as usual', async () => {
    const board = await read(start + cpu);
    expect(board).toMatchObject({
      name: 'b',
      summary: 'from b.yaml',
      granule: '4K',
      vaBits: 48,
      memory: [{ base: 0x4000_0000, bytes: 4 * GiB }],
      kernelImage: { pa: 0x4021_0000 },
      cpus: [cpuModels['cortex-a520']],
      interconnect: { dvmLatencyCycles: 100 },
      lateCpus: [],
    });
  });

  test('counts CPUs as "x6" and as a mapping, in order', async () => {
    const board = await read(
      `${start}cpus: [ampereone, cortex-a520 x2, { model: ampereone, count: 2 }, { model: cortex-a53 }]\n`,
    );
    expect(board.cpus.map((one) => one.name)).toEqual([
      'AmpereOne r0p0',
      'Cortex-A520 r0p1',
      'Cortex-A520 r0p1',
      'AmpereOne r0p0',
      'AmpereOne r0p0',
      'Cortex-A53 r0p4',
    ]);
  });

  test('describes a new part by what differs from a known one, over several steps', async () => {
    const board = await read(`${start}models:
  big: { like: cortex-x4-r0p3, midr: 0x410FDF00, tlb: { entries: 4096 } }
  bigger: { like: big, name: Bigger r0p0, features: { paBits: 48 }, errata: ['1'] }
cpus: [big, bigger]
`);
    const x4 = cpuModels['cortex-x4-r0p3'];
    expect(board.cpus[0]).toEqual({ ...x4, name: 'big', midr: 0x410fdf00, tlb: { entries: 4096, ways: 8 } });
    expect(board.cpus[1]).toEqual({
      ...board.cpus[0],
      name: 'Bigger r0p0',
      features: { ...x4.features, paBits: 48 },
      errata: ['1'],
    });
  });

  test('may refine a known part under its own name', async () => {
    const board = await read(
      `${start}models: { cortex-a520: { like: cortex-a520, bbm: 1, conflicts: level1 } }\n${cpu}`,
    );
    expect(board.cpus[0]).toMatchObject({ midr: 0x410fd801, bbm: 1, conflicts: 'level1' });
  });

  test('may describe everything itself', async () => {
    const board = await read(`name: full
summary: all of it
granule: 16K
vaBits: 47
memory:
  - { base: 2GiB, size: 1GiB }
  - { base: '0x100000000', size: 1073741824 }
kernelImage: { pa: 0x80400000, text: 2MiB, rodata: 1MiB, init: 64KiB, data: 2MiB }
cpus: [cortex-a520 x4]
interconnect: { dvmLatencyCycles: 7 }
lateCpus: [3, 1]
`);
    const { cpus, ...rest } = board;
    expect(cpus).toHaveLength(4);
    expect(rest).toEqual({
      name: 'full',
      summary: 'all of it',
      granule: '16K',
      vaBits: 47,
      memory: [
        { base: 2 * GiB, bytes: GiB },
        { base: 4 * GiB, bytes: GiB },
      ],
      kernelImage: { pa: 0x8040_0000, textBytes: 2 * MiB, rodataBytes: MiB, initBytes: 64 * KiB, dataBytes: 2 * MiB },
      interconnect: { dvmLatencyCycles: 7 },
      lateCpus: [3, 1],
    });
  });

  test('may be JSON, with a $schema', async () => {
    const json = {
      $schema: 'board.schema.json',
      name: 'j',
      memory: [{ base: '0x40000000', size: '1GiB' }],
      cpus: ['ampereone'],
    };
    expect((await read(JSON.stringify(json, null, 2))).cpus).toEqual([cpuModels.ampereone]);
  });

  test('may use anchors', async () => {
    const board = await read(`${start}models:\n  a: &a { like: cortex-a520, bbm: 1 }\n  b: *a\ncpus: [a, b]\n`);
    expect(board.cpus.map((one) => [one.name, one.bbm])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });
});

describe('loadBoard', () => {
  const problems = async (name: string): Promise<readonly string[]> => {
    const result = await loadBoard(name);
    return result.ok ? [] : result.problems;
  };

  test('takes a preset by name', async () => {
    expect(await loadBoard('tiny-2')).toEqual({ ok: true, board: boardPresets.get('tiny-2') });
  });

  test('reads a file that exists', async () => {
    const file = join(folderWith({ 'mine.yml': start + cpu }), 'mine.yml');
    expect(await loadBoard(file)).toMatchObject({ ok: true, board: { name: 'b', summary: `from ${file}` } });
  });

  test('names the closest preset when there is none of that name', async () => {
    const [problem] = await problems('asymetric-8');
    expect(problem).toMatch(
      /^unknown board 'asymetric-8' \(did you mean 'asymmetric-8'\?\); expected one of asymmetric-8, /,
    );
  });

  test('says why a file cannot be read', async () => {
    expect(await problems('boards/nothing.yaml')).toEqual([
      'boards/nothing.yaml: cannot be read: there is no such file',
    ]);
    const folder = join(folderWith({ 'folder.yaml/file': '' }), 'folder.yaml');
    expect(await problems(folder)).toEqual([`${folder}: cannot be read: it is a directory`]);
    const beneath = join(folder, 'file', 'b.json');
    expect(await problems(beneath)).toEqual([`${beneath}: cannot be read: its folder is not a directory`]);
  });
});

describe('the boards that come with asymmu', () => {
  const files = readdirSync('boards').filter((file) => file.endsWith('.yaml'));

  test.each(files)('%s loads, is named after its file and points editors to the schema', async (file) => {
    const result = await loadBoard(`boards/${file}`);
    expect(result).toMatchObject({ ok: true, board: { name: file.replace('.yaml', '') } });
    expect(result.ok && validateBoard(result.board)).toEqual([]);
    const [firstLine] = readFileSync(`boards/${file}`, 'utf8').split('\n');
    expect(firstLine).toBe('# yaml-language-server: $schema=../schema/board.schema.json');
  });

  test('there are at least three', () => {
    expect(files.length).toBeGreaterThanOrEqual(3);
  });
});
