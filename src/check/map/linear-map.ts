import { formatPa, formatVa } from '../../arch/address.ts';
import { faultOf, formatFault } from '../../arch/fault.ts';
import { LIMIT_PXN } from '../../arch/permission.ts';
import { type Memory, read } from '../../hardware/memory/memory.ts';
import { sharedWithin } from '../../hardware/translation/stage2.ts';
import { physToVirt, virtToPhys } from '../../kernel/address-space.ts';
import { CAP_ABSENT } from '../../kernel/boot/cpufeature.ts';
import { type Kernel, variablePa } from '../../kernel/kernel.ts';
import { kernelTree, type LeafRange, rangeEnd, ranges } from '../../kernel/ptdump/ptdump.ts';
import { entryName } from '../../kernel/tables/entry-text.ts';
import {
  MT_NORMAL_TAGGED,
  PTE_AF,
  PTE_ATTRINDX,
  PTE_CONT,
  PTE_NG,
  PTE_PXN,
  PTE_RDONLY,
  PTE_SHARED,
  PTE_UXN,
  PTE_WRITE,
} from '../../kernel/tables/pgtable-prot.ts';
import { atRest, type Property, type Violation } from '../violation.ts';
import { describeDescriptor, formatSpan } from '../wording.ts';
import { isCovered, readOnlyAreas, type Span } from './vmalloc-leaves.ts';
import { walkLines } from './walk-lines.ts';

/** At rest the tables are read as they lie in memory; while the machine runs, the CPUs' own checks report through here. */
export const linearMap: Property = {
  name: 'linear-map',
  says: 'every mapped linear address goes to its own physical address, with the attributes the kernel last promised',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    promiseBroken(cpu, va, expected, found) {
      if (va >= 0) return; // user-map.ts
      const got = found < 0 ? `faults (${faultText(-found, va)})` : `goes to ${formatPa(found)}`;
      const tables = walkLines(cpu.memory, kernel, kernel.symbols.swapperPgDir, va);
      report(cpu, 'linear-map', `${formatVa(va)} should go to ${formatPa(expected)}, but ${got}`, tables);
    },
  }),
  atRest: (machine, k) => {
    if (read(machine.memory, variablePa(k, 'system_state')) === 0n) return []; // never came up: other checks say why
    const tree = kernelTree(k.space, k.symbols.swapperPgDir);
    const linear = ranges(machine.memory, tree).filter(({ va }) => va < k.space.pageEnd);
    const readOnly = readOnlyAreas(machine.memory, k);
    const problems = [...linear.flatMap((range) => judge(machine.memory, k, range, readOnly)), ...holes(k, linear)];
    return [...problems, ...unsplit(machine.memory, k, linear)].slice(0, 5);
  },
};

function faultText(code: number, va: number): string {
  const fault = faultOf(code, { va, access: 'read', el: 1 });
  return fault === undefined ? String(code) : formatFault(fault);
}

/** What all kernel memory has. */
const ALWAYS = PTE_AF | PTE_UXN | PTE_SHARED;

/** `readOnlyElsewhere`: pages of vmalloc areas whose aliases may be read-only. */
function judge(memory: Memory, k: Kernel, range: LeafRange, readOnlyElsewhere: readonly Span[]): Violation[] {
  const { space } = k;
  const problems: string[] = [];
  const pa = virtToPhys(space, range.va);
  const nsShared = Number(read(memory, variablePa(k, 'prot_ns_shared'))); // 0: this is no realm
  const asShared = nsShared !== 0 && range.pa >= nsShared;
  const found = asShared ? range.pa - nsShared : range.pa;
  if (found !== pa) problems.push(`goes to ${formatPa(found)} instead of ${formatPa(pa)}`);
  const shared = sharedWithin(memory, pa, range.bytes * range.count);
  if (asShared && shared < (range.bytes * range.count) / memory.pageBytes)
    problems.push("is mapped as shared with the host, but is the realm's own");
  if (!asShared && shared > 0) problems.push("is mapped as the realm's own, but is shared with the host");
  const executable = (range.descriptor & PTE_PXN) === 0n && (range.limits & LIMIT_PXN) === 0;
  if (executable) problems.push('is executable');
  const isGlobal = (range.descriptor & PTE_NG) === 0n;
  if (isGlobal === k.config.kpti)
    problems.push(isGlobal ? 'is global, beside a kernel that is not (kpti)' : 'is not global');
  if ((range.descriptor & ALWAYS) !== ALWAYS) problems.push('lacks AF, UXN or inner shareability');
  if ((range.descriptor & PTE_ATTRINDX) > MT_NORMAL_TAGGED << 2n) problems.push('is not normal memory');
  const end = pa + range.bytes * range.count;
  const inText = pa >= space.text && end <= space.initBegin;
  const outside = end <= space.text || pa >= space.initBegin;
  const readOnly = (range.descriptor & PTE_RDONLY) !== 0n && (range.descriptor & PTE_WRITE) === 0n;
  if (inText && !readOnly) problems.push('maps kernel text or rodata writable');
  if (outside && readOnly && !isCovered({ start: pa, end }, readOnlyElsewhere))
    problems.push('is read-only, though nobody made it so');
  if (!inText && !outside) problems.push('straddles the edge of the kernel alias');
  return problems.map((problem) =>
    atRest('linear-map', `${formatSpan(range.va, rangeEnd(range))} ${problem}`, [
      `${entryName(range.level, space.startLevel)}  ${describeDescriptor(range.descriptor, range.level, range.va, space)}`,
    ]),
  );
}

/**
 * What the repaint promises: where the map was painted for CPUs that may split blocks in place, and not all can, nothing is
 * left to split but the alias of the kernel image, whose pages nobody changes one by one.
 */
function unsplit(memory: Memory, k: Kernel, linear: readonly LeafRange[]): Violation[] {
  const requires = read(memory, variablePa(k, 'linear_map_requires_bbml2')) === 1n;
  if (!requires || read(memory, variablePa(k, 'cpu_hwcaps_bbml2_noabort')) !== CAP_ABSENT) return [];
  const { space } = k;
  const isLarge = ({ level, descriptor }: LeafRange): boolean => level < 3 || (descriptor & PTE_CONT) !== 0n;
  const large = linear.find((range) => isLarge(range) && (range.pa >= space.initBegin || range.pa < space.text));
  if (large === undefined) return [];
  const { va, level, descriptor } = large;
  return [
    atRest(
      'linear-map',
      `${formatSpan(va, rangeEnd(large))} is still made of blocks or contiguous groups, which nobody may split on a system without BBML2: who changes a page of it fails`,
      [`${entryName(level, space.startLevel)}  ${describeDescriptor(descriptor, level, va, space)}`],
      'linear_map_split_to_ptes() has to split whatever system_supports_bbml2_noabort() says: it is called because that is false (6.18)',
    ),
  ];
}

/** RAM that nothing maps. */
function holes(k: Kernel, linear: readonly LeafRange[]): Violation[] {
  return k.board.memory.flatMap(({ base, bytes }) => {
    let at = physToVirt(k.space, base);
    const end = at + bytes;
    for (const range of linear) if (range.va <= at && rangeEnd(range) > at) at = rangeEnd(range);
    return at >= end ? [] : [atRest('linear-map', `${formatVa(at)}, which is RAM, is not mapped`, [])];
  });
}
