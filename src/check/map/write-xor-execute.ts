import { formatPa } from '../../arch/address.ts';
import { levelBytes } from '../../arch/granule.ts';
import { type Memory, read } from '../../hardware/memory/memory.ts';
import { isTableAt } from '../../hardware/memory/table-word.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { rodataFull } from '../../kernel/config.ts';
import { type Kernel, variablePa } from '../../kernel/kernel.ts';
import { type LeafRange, rangeEnd } from '../../kernel/ptdump/ptdump.ts';
import { entryName } from '../../kernel/tables/entry-text.ts';
import { entryOffset } from '../../kernel/tables/pagewalk.ts';
import { PTE_ADDRESS, PTE_VALID } from '../../kernel/tables/pgtable-prot.ts';
import { atRest, type Property, type Violation } from '../violation.ts';
import { describeDescriptor, formatSpan } from '../wording.ts';
import { isExecutable, isWritable, leavesAboveLinearMap, type Span, spanOf } from './vmalloc-leaves.ts';

/**
 * What can be executed cannot be written to, wherever else it is mapped. Judged at rest, for while set_memory_*() is at
 * work there are windows: the linear alias becomes read-only before the area does, and writable before it.
 *
 * ptdump_check_wx() looks at one mapping at a time, and so does not see the second kind. Of vmalloc areas the linear aliases are
 * protected under rodata=full only; that of the kernel's text always is. That the linear map itself is never executable is
 * for `linear-map`.
 */
export const writeXorExecute: Property = {
  name: 'write-xor-execute',
  says: 'at rest, no mapping of the kernel image and of vmalloc areas is writable and executable, and nothing executable is mapped writable elsewhere',
  mood: 'always',
  atRest: ({ memory }, k) => {
    if (read(memory, variablePa(k, 'system_state')) === 0n) return []; // never came up: other checks say why
    if (k.config.rodata === 'off') return []; // nothing is protected then: mark_readonly() does not even look
    const leaves = leavesAboveLinearMap(memory, k);
    const executable = leaves.filter(isExecutable);
    return [
      ...executable.filter(isWritable).map((leaf) => both(k, leaf)),
      ...executable.flatMap((leaf) => writableTwins(k, leaf, leaves)),
      ...executable.flatMap((leaf) => writableAlias(memory, k, leaf)),
    ].slice(0, 5);
  },
};

function both(k: Kernel, leaf: LeafRange): Violation {
  return atRest(
    'write-xor-execute',
    `${formatSpan(leaf.va, rangeEnd(leaf))} is writable and executable`,
    [line(k, leaf)],
    'set_memory_rox() in place of set_memory_x() (include/linux/set_memory.h): first it cannot be written to, then it may be executed',
  );
}

/** Pages of `leaf` that other leaves above the linear map hold writable. */
function writableTwins(k: Kernel, leaf: LeafRange, leaves: readonly LeafRange[]): Violation[] {
  const mine = spanOf(leaf);
  return leaves
    .filter((other) => other !== leaf && isWritable(other) && overlap(mine, spanOf(other)) > 0)
    .map((other) => alias(k, leaf, other, overlap(mine, spanOf(other))));
}

function overlap(one: Span, other: Span): number {
  return Math.min(one.end, other.end) - Math.max(one.start, other.start);
}

/** The first part of `leaf` whose linear alias can be written to, if it has to be protected. */
function writableAlias(memory: Memory, k: Kernel, leaf: LeafRange): Violation[] {
  const { space } = k;
  const { start, end } = spanOf(leaf);
  const isText = start >= space.text && end <= space.initBegin;
  if (!isText && !rodataFull(k.config)) return [];
  for (let pa = start, next: number; pa < end; pa = next) {
    const found = linearLeaf(memory, k, physToVirt(space, pa));
    next = Math.min(end, pa + found.bytes - (physToVirt(space, pa) - found.va));
    if ((found.descriptor & PTE_VALID) !== 0n && isWritable(found)) return [alias(k, leaf, found, next - pa)];
  }
  return [];
}

function alias(k: Kernel, leaf: LeafRange, other: Leaf, bytes: number): Violation {
  return atRest(
    'write-xor-execute',
    `${formatSpan(leaf.va, rangeEnd(leaf))} is executable, and at least ${bytes / k.space.granule.pageBytes} pages of it can be written to at ${formatSpan(other.va, other.va + other.bytes)}`,
    [line(k, leaf), line(k, other)],
    'set_memory_ro() of the area: the linear aliases of its pages follow (change_memory_common(), arch/arm64/mm/pageattr.c); pages that are allocated executable in the first place never come by there',
  );
}

type Leaf = Pick<LeafRange, 'va' | 'bytes' | 'level' | 'descriptor' | 'limits'>;

function line(k: Kernel, { va, level, descriptor }: Leaf): string {
  const pa = formatPa(Number(descriptor & PTE_ADDRESS));
  return `${entryName(level, k.space.startLevel)}  ${describeDescriptor(descriptor, level, va, k.space)}, at ${pa}`;
}

/** The entry at which a walk for the linear address `va` ends, whether it maps anything or not. */
function linearLeaf(memory: Memory, { space, symbols }: Kernel, va: number): Leaf {
  let table = symbols.swapperPgDir;
  for (let level = space.startLevel as number; ; level++) {
    const bytes = levelBytes(space.granule, level);
    const descriptor = read(memory, entryOffset(space, level, table, va));
    if (isTableAt(descriptor, level)) {
      table = Number(descriptor & PTE_ADDRESS);
      continue;
    }
    const start = Math.floor(va / bytes) * bytes;
    return { va: start, bytes, level: level as LeafRange['level'], descriptor, limits: 0 };
  }
}
