// Packs the package, installs it in an empty folder as a user would, and runs the command and a module of the user's.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'asymmu-package-'));

function run(command, args, cwd, expected = 0) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== expected) {
    process.stderr.write(`${command} ${args.join(' ')}: exit ${status}, expected ${expected}\n${stdout}\n${stderr}\n`);
    process.exit(1);
  }
  return stdout;
}

try {
  execFileSync('npm', ['pack', '--pack-destination', folder], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n');
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, tarball)], folder);
  cpSync(join(root, 'examples', 'forgotten-flush.ts'), join(folder, 'mine.ts'));
  cpSync(join(root, 'examples', 'published-too-early.ts'), join(folder, 'early.ts'));
  const asymmu = join(folder, 'node_modules', '.bin', 'asymmu');
  run(asymmu, ['--help'], folder);
  const good = JSON.parse(run(asymmu, ['run', '--memory', '256MiB', '--cpus', '4', '--seed', '1', '--json'], folder));
  if (good.verdict !== 'good') throw new Error(`the installed command's default run ended ${good.verdict}`);
  const bad = JSON.parse(run(asymmu, ['run', './mine.ts', '--memory', '256MiB', '--cpus', '2', '--json'], folder, 1));
  if (!bad.violations.some(({ property }) => property === 'stale'))
    throw new Error(`the user's module was not caught by 'stale': ${JSON.stringify(bad.violations)}`);
  const explored = JSON.parse(
    run(asymmu, ['explore', './early.ts', '--seed', '1', '--jobs', '2', '--json'], folder, 1),
  );
  const [found] = explored.violations;
  if (found.property !== 'spurious-fault') throw new Error(`the user's module was caught by '${found.property}'`);
  const replayed = JSON.parse(run(asymmu, ['replay', found.token, '--json'], folder, 1));
  if (replayed.violations[0].message !== found.message) throw new Error('a replay says something else');
  process.stdout.write('the packed package installs, runs, explores, replays, and loads a module of the user\n');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
