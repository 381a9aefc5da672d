import type { Board } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { linearAliasRo, linearAliasRw, setMemoryValid } from '../../kernel/linear-map/pageattr.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether } from '../staging/meeting.ts';
import { ableBlock } from './split.ts';

/** CPUs without BBML2 change single pages of a linear map that is made of pages, and must not be made of contiguous groups. */

const plain = boardPresets.get('one-block')!.cpus[1]!;

/** No CPU may change a block or a contiguous group in place. */
const plainPages: Board = {
  ...ableBlock,
  name: 'plain-pages',
  summary: 'three CPUs without BBML2 and with tiny TLBs, a tiny kernel and room for one 2M block, in pages',
  cpus: [plain, plain, plain],
};

const page = (k: Kernel, index: number): number =>
  physToVirt(k.space, moduleArea(k).pa + index * k.space.granule.pageBytes);

/** Page 3 becomes read-only, and writable again. */
const protect: Program = function* (cpu, k) {
  mark(cpu, 'split.started');
  if ((yield* linearAliasRo(cpu, k, page(k, 3), 1)) === 0) yield* linearAliasRw(cpu, k, page(k, 3), 1);
  mark(cpu, 'split.finished');
};

/** Page 9 is taken away, as a guard page is, and comes back. */
const takeAway: Program = function* (cpu, k) {
  mark(cpu, 'split.started');
  if ((yield* setMemoryValid(cpu, k, page(k, 9), 1, false)) === 0) yield* setMemoryValid(cpu, k, page(k, 9), 1, true);
  mark(cpu, 'split.finished');
};

const readAround: Program = function* (cpu, k) {
  for (const index of [2, 3, 4, 8, 10, 15]) yield* load(cpu, page(k, index));
};

const racing = (...acts: readonly Program[]): Pick<Scenario, 'programs' | 'briefPrograms'> => ({
  programs: (id) => sequence(acts[id] ?? readAround, allTogether, checkLinearMap),
  briefPrograms: (id) => sequence(acts[id] ?? readAround, briefWork),
});

const kernel = { rodata: 'full' } as const;

export const pagesOnly = defineScenario({
  name: 'pages-only',
  summary: 'CPUs without BBML2 change single pages of a linear map of pages while another reads their neighbours',
  board: plainPages,
  kernel,
  ...racing(protect, takeAway),
});

function twin(definition: Omit<ScenarioDefinition, 'board'>): Scenario {
  return defineScenario({
    board: plainPages,
    kernel,
    ...definition,
    name: `pages-only/${definition.name}`,
    text: contiguousGroups,
  });
}

/** Pages, but contiguous ones wherever sixteen fit. */
function contiguousGroups(good: KernelText): KernelText {
  return { ...good, linearMap: { ...good.linearMap, ramFlags: (force) => ({ noExec: true, noBlock: force }) } };
}

/** Linux before 0bfc445dec9d, which took the second attempt at contiguous kernel mappings back. */
export const groupMemberProtected = twin({
  name: 'group-member-protected',
  summary: 'one page of a live contiguous group becomes read-only on CPUs that may not change such a group in place',
  expect: 'bbm',
  ...racing(protect),
});

/** XPFO, as posted: found on real hardware by Laura Abbott. */
export const groupMemberTakenAway = twin({
  name: 'group-member-taken-away',
  summary:
    'one page of a live contiguous group is taken away and flushed alone; a TLB may have it again from its neighbours',
  expect: 'contiguous',
  ...racing(takeAway),
});

export const pagesOnlyTwins: readonly Scenario[] = [groupMemberProtected, groupMemberTakenAway];
