import { formatPa, formatSize, formatVa } from '../../src/arch/address.ts';
import type { Memory } from '../../src/hardware/memory/memory.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { kernelTree, type LeafRange, rangeEnd, ranges, type Tree, tablePages } from '../../src/kernel/ptdump/ptdump.ts';
import { formatPtdump, kernelMarkers } from '../../src/kernel/ptdump/ptdump-format.ts';
import { type SizeShare, sizeShares } from '../../src/kernel/ptdump/ptdump-sizes.ts';
import { repaint } from '../../src/scenario/repaint/repaint.ts';
import { type BootedTo, bootInTurns } from './boot-in-turns.ts';
import { type ConfigurationOptions, configure, resolved, resolvedLines } from './configuration/configuration.ts';
import { styleFor } from './terminal/style.ts';
import { usageError } from './usage-error.ts';
import { version } from './version.ts';

/** `asymmu ptdump`: the kernel's page tables after a boot, as the kernel itself prints them. */

export interface PtdumpOptions extends ConfigurationOptions {
  readonly when: string;
  readonly json?: boolean;
}

const WHEN: readonly BootedTo[] = ['painted', 'running'];

export async function ptdump(options: PtdumpOptions): Promise<void> {
  const when = WHEN.find((choice) => choice === options.when);
  if (when === undefined) throw usageError(`--when: '${options.when}' is none of ${WHEN.join(', ')}`);
  const configuration = await configure(repaint.name, options);
  const { board, kernel: config, seed } = configuration;
  const { scenario: _, ...settings } = resolved(configuration);
  const { machine, kernel } = bootInTurns(board, config, seed, when);
  const tree = kernelTree(kernel.space, kernel.symbols.swapperPgDir);
  const lines = options.json
    ? [JSON.stringify(ptdumpDocument(machine.memory, kernel, tree, { ...settings, when }), null, 2)]
    : [
        ...resolvedLines({ ...settings, when }, styleFor(process.stdout).width),
        ...formatPtdump(ranges(machine.memory, tree, true), tree, kernelMarkers(kernel.space)),
        ...summaryLines(machine.memory, kernel, tree),
      ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function ptdumpDocument(
  memory: Memory,
  k: Kernel,
  tree: Tree,
  config: Record<string, unknown>,
): Record<string, unknown> {
  const pages = tablePages(memory, tree);
  return {
    command: 'ptdump',
    version: version(),
    config,
    ranges: ranges(memory, tree).map((range) => rangeObject(range, k)),
    linearMap: sharesObject(linearShares(memory, k, tree)),
    image: sharesObject(imageShares(memory, k, tree)),
    tablePages: { byLevel: pages, total: sum(pages), bytes: sum(pages) * tree.granule.pageBytes },
  };
}

/** `va`, `end`, `pa` and `descriptor` (of the first leaf) as hexadecimal text: JSON numbers do not hold 64 bits. */
function rangeObject(range: LeafRange, { space }: Kernel): Record<string, unknown> {
  return {
    area: range.va < space.pageEnd ? 'linear' : 'image',
    va: formatVa(range.va),
    end: formatVa(rangeEnd(range)),
    pa: formatPa(range.pa),
    leafBytes: range.bytes,
    count: range.count,
    level: range.level,
    contiguous: range.contiguous,
    descriptor: `0x${range.descriptor.toString(16).padStart(16, '0')}`,
  };
}

function linearShares(memory: Memory, { space }: Kernel, tree: Tree): SizeShare[] {
  return sizeShares(memory, tree, space.pageOffset, space.pageEnd);
}

function imageShares(memory: Memory, { space }: Kernel, tree: Tree): SizeShare[] {
  return sizeShares(memory, tree, space.pageEnd);
}

function sharesObject(shares: readonly SizeShare[]): Record<string, number> {
  return Object.fromEntries(shares.map(({ name, bytes }) => [name, bytes]));
}

function summaryLines(memory: Memory, k: Kernel, tree: Tree): string[] {
  const pages = tablePages(memory, tree);
  const levels = pages.flatMap((count, level) => (count === 0 ? [] : [`${count} at level ${level}`]));
  return [
    '',
    `linear map   ${sharesText(linearShares(memory, k, tree))}`,
    `image        ${sharesText(imageShares(memory, k, tree))}`,
    `table pages  ${sum(pages)} (${formatSize(sum(pages) * tree.granule.pageBytes)}): ${levels.join(', ')}`,
  ];
}

/** `4G: 4K 100%`, `4G: 2M 0.3%, 1G 75%`. */
export function sharesText(shares: readonly SizeShare[]): string {
  const total = sum(shares.map(({ bytes }) => bytes));
  const parts = shares.map(({ name, bytes }) => `${formatSize(bytes)} by ${name} (${percent(bytes / total)})`);
  return parts.length === 0 ? 'nothing' : `${formatSize(total)}: ${parts.join(', ')}`;
}

function percent(share: number): string {
  if (share === 1) return '100%';
  if (share > 0.99) return `${Math.floor(1000 * share) / 10}%`; // not quite all is not all
  return share >= 0.1 ? `${(100 * share).toFixed(0)}%` : `${(100 * share).toPrecision(1)}%`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
