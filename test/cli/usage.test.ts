import { describe, expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu } from './command.ts';

describe('bad input is one line on stderr and exit code 2:', () => {
  test.each<[what: string, args: readonly string[], line: RegExp]>([
    ['an unknown scenario', ['run', 'repant'], /^unknown scenario 'repant' \(did you mean 'repaint'\?\)/],
    [
      'an unknown word',
      ['frobnicate'],
      /^unknown scenario 'frobnicate'; 'asymmu scenarios' lists them, 'asymmu --help' the commands$/,
    ],
    ['a misspelt command', ['chart'], /^unknown scenario 'chart' \(did you mean the command 'charts'\?\)/],
    [
      'one with options',
      ['chrats', 'cpu', '--format', 'json'],
      /^unknown scenario 'chrats' \(did you mean the command 'charts'/,
    ],
    [
      'a scenario without its first part',
      ['no-flush'],
      /^unknown scenario 'no-flush' \(did you mean 'repaint\/no-flush'\?\)/,
    ],
    [
      'a misspelt part of one',
      ['run', 'no-fluhs'],
      /^unknown scenario 'no-fluhs' \(did you mean 'repaint\/no-flush'\?\); 'asymmu scenarios' lists them$/,
    ],
    ['a folder', ['run', '.'], /^\.: not a file; expected a module/],
    ['an unknown board', ['run', '--board', 'tiny-3'], /^unknown board 'tiny-3' \(did you mean 'tiny-2'\?\)/],
    ['an unknown board to describe', ['boards', 'tiny-3'], /^unknown board 'tiny-3' \(did you mean 'tiny-2'\?\)/],
    ['an unknown chart', ['charts', 'cpuu'], /^unknown chart 'cpuu' \(did you mean 'cpu'\?\)/],
    ['an unknown option', ['run', '--bord', 'x'], /^unknown option '--bord' \(Did you mean --board\?\)/],
    ['an option without its value', ['run', '--seed'], /^option '--seed <n>' argument missing/],
    ['a word too many', ['run', 'repaint', 'again'], /^too many arguments for 'run'/],
    ['no CPU', ['run', '--cpus', '0'], /^--cpus 0: .*0 CPUs: a board has 1 to 512$/],
    ['too many CPUs', ['run', '--cpus', '1000'], /^--cpus 1000: .*1000 CPUs: a board has 1 to 512$/],
    ['CPUs that are no number', ['run', '--cpus', 'two'], /^--cpus: 'two' is not a whole number$/],
    [
      'more memory than the addresses reach',
      ['run', '--memory', '512GiB', '--va-bits', '39'],
      /^--memory 512GiB --va-bits 39: .*linear map of 39-bit virtual addresses holds 256G$/,
    ],
    [
      'more memory than anything reaches',
      ['run', '--memory', '2TiB', '--va-bits', '39'],
      /holds 256G; memory\[0\]: RAM ends .*40-bit physical addresses$/,
    ],
    [
      'more memory than there are addresses',
      ['run', '--memory', '256TiB'],
      /^--memory: '256TiB' is more than physical/,
    ],
    ['no memory', ['run', '--memory', '0'], /^--memory: a board without memory/],
    ['less memory than the kernel needs', ['run', '--memory', '4MiB'], /^--memory 4MiB: .*image.*not within RAM/],
    ['a size that is none', ['ptdump', '--memory', 'big'], /^--memory: 'big' is not a size/],
    ['an address size nobody has', ['run', '--va-bits', '40'], /^--va-bits: '40' is none of 36, 39, 42, 47, 48$/],
    ['an unknown granule', ['run', '--granule', '8K'], /^--granule: '8K' is none of 4K, 16K, 64K$/],
    ['an unknown revision', ['run', '--revision', '2.4'], /^--revision: '2.4' is none of /],
    ['an unknown moment', ['ptdump', '--when', 'never'], /^--when: 'never' is none of painted, running$/],
    ['an unknown format', ['charts', '--format', 'svg'], /^--format: 'svg' is none of mermaid, json, text$/],
    ['a seed that is none', ['run', '--seed', 'abc'], /^--seed: 'abc' is not a number from 0 to 4294967295$/],
    ['a seed past 32 bits', ['run', '--seed', '4294967296'], /^--seed: '4294967296' is not a number/],
    ['a stall time that everybody exceeds', ['run', '--stall', '0'], /^--stall: '0' is less than 100 ms$/],
    ['a stall time that is none', ['run', '--stall', 'soon'], /^--stall: 'soon' is not a whole number$/],
  ])('%s', async (_, args, line) => {
    const { code, stdout, stderr } = await asymmu(args);
    expect(stderr).toMatch(/^asymmu: [^\n]+\n$/);
    expect(stderr.slice('asymmu: '.length, -1)).toMatch(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a malformed board file, with its place', async () => {
    const cwd = folderWith({ 'mine.yaml': 'name: b\nmemory: [{ base: 0x40000000, size: 4GiB }]\ncpus: [cortex-x9]\n' });
    const { code, stderr } = await asymmu(['run', '--board', 'mine.yaml'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^asymmu: mine\.yaml:3:8: cpus\[0\]: unknown model 'cortex-x9'[^\n]*\n$/);
  });

  test('a board file that is none, shown in part and without what a terminal would obey', async () => {
    const cwd = folderWith({ 'noise.yaml': `\x1b[2J${'x'.repeat(5000)}` });
    const { code, stderr } = await asymmu(['run', '--board', 'noise.yaml'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^asymmu: noise\.yaml:\d+:\d+: [^\n]+\n$/);
    expect(stderr).not.toContain('\x1b');
    expect(stderr.length).toBeLessThan(200);
  });

  test('a board file that does not exist', async () => {
    const cwd = folderWith();
    const { code, stderr } = await asymmu(['run', '--board', './none.yaml'], { cwd });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'asymmu: ./none.yaml: cannot be read: there is no such file\n',
    });
  });
});
