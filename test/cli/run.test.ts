import { describe, expect, test } from 'vitest';
import { folderWith } from '../folder-with.ts';
import { asymmu, type Ended } from './command.ts';

const tiny = ['run', '--board', 'tiny-2', '--seed', '1'];
const noFlush = ['run', 'repaint/no-flush', '--cpus', '3', '--memory', '256MiB', '--seed', '1'];

/** Programs that go on for ever: reading, and without ever coming up for air. */
const endless = folderWith({
  'reads.ts': `import { load, physToVirt, type Cpu, type Kernel } from 'asymmu';
export default { name: 'reads', summary: 'reads for ever', board: 'tiny-2', programs: () => function* (cpu: Cpu, k: Kernel) {
  for (;;) yield* load(cpu, physToVirt(k.space, k.board.memory[0]!.base));
} };`,
  'spins.ts': `export default { name: 'spins', summary: 'spins for ever', board: 'tiny-2', programs: () => function* () { for (;;); } };`,
});

/** Ctrl-C as soon as the system runs. \`ms\`: from then to the end. */
async function interruptedRun(file: string): Promise<Ended> {
  let at = 0;
  const ended = await asymmu(['run', file, '--seed', '1', '--stall', '60000'], {
    cwd: endless,
    onOutput: (stdout, child) => {
      if (at > 0 || !stdout.includes('  running\n')) return;
      at = performance.now();
      child.kill('SIGINT');
    },
  });
  return { ...ended, ms: performance.now() - at };
}

describe('asymmu run', () => {
  test('ends with 0 and leaves nothing behind when no property was violated', async () => {
    const { code, stdout, stderr, aloneInItsGroup } = await asymmu(tiny);
    expect({ code, stderr, aloneInItsGroup }).toEqual({ code: 0, stderr: '', aloneInItsGroup: true });
    expect(stdout).toMatch(/^GOOD {2}repaint on tiny-2, 2 CPUs, seed 1: no property was violated in this run/m);
  });

  test('prints what it resolved, the seed too, before it starts; the same for the same seed', async () => {
    const head = ({ stdout }: Ended): string => stdout.slice(0, stdout.search(/^ +\d+\.\d\d s {2}/m));
    const drawn = head(await asymmu(['run', '--board', 'tiny-2']));
    const seed = /\bseed (\d+)/.exec(drawn)?.[1];
    expect(drawn).toMatch(/scenario repaint · board tiny-2 · cpus 2 · .*memory 64M/);
    expect(head(await asymmu(['run', '--board', 'tiny-2', '--seed', seed!]))).toBe(drawn);
  });

  test('ends with 1 and says what happened, how to see it again and what was missing when one was', async () => {
    const { code, stdout, stderr, aloneInItsGroup } = await asymmu(noFlush);
    expect({ code, stderr, aloneInItsGroup }).toEqual({ code: 1, stderr: '', aloneInItsGroup: true });
    const report = stdout.slice(stdout.indexOf('VIOLATED')).split('\n');
    expect(report[0]).toMatch(/^VIOLATED {2}stale: repaint\/no-flush on asymmetric-8, 3 CPUs, seed 1/);
    expect(report[1]).toBe('  again: npx asymmu run repaint/no-flush --cpus 3 --memory 256MiB --seed 1');
    expect(report[2]).toBe("  a bad twin, caught by 'stale' as it should be");
    expect(report.join('\n')).toMatch(/\n {2}missing: .*flush_tlb_kernel_range\(\).*6\.18/);
    expect(report.join('\n')).toMatch(/\n +step \| CPU 0/);
    expect(report.join('\n')).toMatch(/ \d+ \| \* repaint\.released/);
    expect(report.length).toBeLessThan(48); // one screen
  });

  test('says why a bad twin went uncaught on a board that needs no repaint', async () => {
    const args = [
      'run',
      'repaint/no-flush',
      '--board',
      'symmetric-8',
      '--cpus',
      '2',
      '--memory',
      '256MiB',
      '--seed',
      '1',
    ];
    const { code, stdout } = await asymmu(args);
    expect(code).toBe(0);
    expect(stdout).toContain("\n  a bad twin that 'stale' should have caught: nothing was repainted on this board\n");
  });

  test('names addresses as a kernel engineer does', async () => {
    const { stdout } = await asymmu(noFlush);
    const report = stdout.slice(stdout.indexOf('VIOLATED'));
    expect(report).toMatch(/\blinear\+0x[0-9a-f]+/);
    expect(report).not.toMatch(/0xffff[0-9a-f]{12}/);
  });

  test('writes no escape codes where nobody can see them', async () => {
    const outputs = await Promise.all([asymmu([...tiny, '--watch']), asymmu(noFlush)]);
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('\x1b');
  });

  test('shows a moment of the run a second with --watch', async () => {
    const { stdout } = await asymmu(['run', '--cpus', '3', '--memory', '256MiB', '--watch', '--seed', '1']);
    expect(stdout).toMatch(/^ +\d\.\d\d s {2}CPU .*accesses.*TLBIs.*linear map /m);
  });

  test('ends within two seconds of Ctrl-C with 3, and says how far it got', async () => {
    const { code, stdout, stderr, ms, aloneInItsGroup } = await interruptedRun('./reads.ts');
    expect({ code, stderr, aloneInItsGroup }).toEqual({ code: 3, stderr: '', aloneInItsGroup: true });
    expect(stdout).toMatch(/^INCONCLUSIVE {2}reads on tiny-2, 2 CPUs, seed 1: interrupted after .* in state running/m);
    expect(stdout).toMatch(/^ +\d x online: /m);
    expect(ms).toBeLessThan(2000);
  });

  test('ends so too when a program never looks up', async () => {
    const { code, ms, aloneInItsGroup } = await interruptedRun('./spins.ts');
    expect({ code, aloneInItsGroup }).toEqual({ code: 3, aloneInItsGroup: true });
    expect(ms).toBeLessThan(2500);
  });

  test('finds that out by itself, and names the CPU', async () => {
    const args = ['run', './spins.ts', '--seed', '1', '--stall', '500'];
    const { code, stdout, aloneInItsGroup } = await asymmu(args, { cwd: endless });
    expect({ code, aloneInItsGroup }).toEqual({ code: 1, aloneInItsGroup: true });
    expect(stdout).toMatch(/^ {2}hung \(CPU \d+\): /m);
  });
});
