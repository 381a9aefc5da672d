import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { hostRefuses } from '../../hardware/instruction/rsi.ts';
import type { Op } from '../../hardware/op.ts';
import { physToVirt } from '../../kernel/address-space.ts';
import { type Kernel, type KernelText, mark } from '../../kernel/kernel.ts';
import { type RealmText, setMemoryDecrypted, setMemoryEncrypted } from '../../kernel/linear-map/realm.ts';
import { loadUnalignedZeropad } from '../../kernel/word-at-a-time.ts';
import { briefWork } from '../brief-work.ts';
import { checkLinearMap } from '../check-linear-map.ts';
import { moduleArea } from '../places.ts';
import { defineScenario, type Program, type Scenario, type ScenarioDefinition } from '../scenario.ts';
import { sequence } from '../sequence.ts';
import { allTogether } from '../staging/meeting.ts';
import { reach, stageOf, until } from '../staging/stage.ts';
import { ableBlock } from './split.ts';

/**
 * A realm shares two pages with its host, everybody uses them, and takes them back; then the host refuses a third page. Meanwhile
 * others read the words before them, and a little beyond.
 */

/** Pages of those that are nobody's: two that are shared, and one that the host does not want. */
const SHARED = 3;
const SHARED_PAGES = 2;
const REFUSED = 9;

const page = (k: Kernel, index: number): number =>
  physToVirt(k.space, moduleArea(k).pa + index * k.space.granule.pageBytes);

/** Whoever was told 0 uses the pages. */
function* change(cpu: Cpu, k: Kernel, by: typeof setMemoryDecrypted, first: number, pages: number): Op<boolean> {
  mark(cpu, 'split.started');
  const error = yield* by(cpu, k, page(k, first), pages);
  mark(cpu, 'split.finished');
  if (error !== 0) return false;
  for (let i = 0; i < pages; i++) yield* load(cpu, page(k, first + i));
  return true;
}

const share: Program = function* (cpu, k) {
  yield* change(cpu, k, setMemoryDecrypted, SHARED, SHARED_PAGES);
};

const takeBack: Program = function* (cpu, k) {
  yield* change(cpu, k, setMemoryEncrypted, SHARED, SHARED_PAGES);
};

/** A page that the host refuses is leaked, as long as it does; here that is over some time, and the page comes back. */
const shareInVain: Program = function* (cpu, k) {
  hostRefuses(cpu.memory, true);
  yield* change(cpu, k, setMemoryDecrypted, REFUSED, 1);
  hostRefuses(cpu.memory, false);
  yield* change(cpu, k, setMemoryEncrypted, REFUSED, 1);
};

const use: Program = function* (cpu, k) {
  for (let i = 0; i < SHARED_PAGES; i++) yield* load(cpu, page(k, SHARED + i));
};

/** The last words of the pages before, some times over. */
const readBeyond: Program = function* (cpu, k) {
  for (let i = 0; i < TIMES; i++)
    for (const index of [SHARED, REFUSED]) yield* loadUnalignedZeropad(cpu, k, page(k, index - 1));
};
const TIMES = 8;

/** On threads they begin when the monitor has been asked, and whoever has asked it waits for one who has read. */
const readWhileAsked: Program = function* (cpu, k) {
  if (!cpu.controlled) yield* until(cpu, ASKED);
  yield* readBeyond(cpu, k);
  if (!cpu.controlled) reach(cpu, READ);
};

/** Stages on threads: what was split is to be shared once more; the monitor has been asked; somebody has read since. */
const BEGUN = 1;
const ASKED = 2;
const READ = 3;

const begin: Program = function* (cpu, k) {
  if (!cpu.controlled && k.board.cpus.length - k.board.lateCpus.length > 1) reach(cpu, BEGUN);
};

/** On threads whoever has asked the monitor is held up until somebody has read beyond his page. */
function heldUpAfterAsking(good: KernelText): KernelText {
  return {
    ...good,
    realm: {
      ...good.realm,
      *setState(cpu, k, change) {
        const error = yield* good.realm.setState(cpu, k, change);
        if (stageOf(cpu) !== BEGUN) return error;
        reach(cpu, ASKED);
        yield* until(cpu, READ);
        return error;
      },
    },
  };
}

/** What is shared first of a block splits it, which takes long: the others begin with the second time. */
const programs =
  (check: Program) =>
  (id: number): Program =>
    id === 0
      ? sequence(
          share,
          takeBack,
          allTogether,
          begin,
          share,
          allTogether,
          use,
          allTogether,
          takeBack,
          shareInVain,
          allTogether,
          check,
        )
      : sequence(allTogether, readWhileAsked, allTogether, use, allTogether, readBeyond, allTogether, use, check);

const story: Pick<Scenario, 'board' | 'kernel' | 'programs' | 'briefPrograms' | 'circumstances'> = {
  board: ableBlock,
  kernel: { revision: '7.1', realm: true, rodata: 'full' },
  programs: programs(checkLinearMap),
  briefPrograms: programs(briefWork),
  circumstances: heldUpAfterAsking,
};

export const realmShare = defineScenario({
  ...story,
  name: 'realm-share',
  summary: 'a realm shares pages with its host, uses them and takes them back, while others read a word too far',
});

function twin(
  definition: Pick<ScenarioDefinition, 'name' | 'summary'> & { readonly expect: string },
  change: (good: RealmText) => Partial<RealmText>,
): Scenario {
  return defineScenario({
    ...story,
    ...definition,
    name: `realm-share/${definition.name}`,
    text: (good) => ({ ...good, realm: { ...good.realm, ...change(good.realm) } }),
  });
}

export const askedBeforeBroken = twin(
  {
    name: 'asked-before-broken',
    summary: 'the monitor is asked while the pages are mapped still: who reads a word too far takes an external abort',
    expect: 'spurious-fault',
  },
  (good) => ({
    *breakMapping(cpu, k, change) {
      const refused = yield* good.setState(cpu, k, change);
      return refused !== 0 ? refused : yield* good.breakMapping(cpu, k, change);
    },
  }),
);

export const bitNotFlipped = twin(
  {
    name: 'bit-not-flipped',
    summary: 'the pages are shared, and mapped again at the address at which they were not',
    expect: 'spurious-fault',
  },
  () => ({ sharedMasks: () => [0n, 0n] }),
);

export const mappedThoughRefused = twin(
  {
    name: 'mapped-though-refused',
    summary:
      "the host's refusal is not looked at: the page is mapped as shared, which it is not, and given to a device",
    expect: 'spurious-fault',
  },
  (good) => ({
    *setState(cpu, k, change) {
      yield* good.setState(cpu, k, change);
      return 0;
    },
  }),
);

export const askedOnce = twin(
  {
    name: 'asked-once',
    summary: 'the monitor is asked once, and nobody looks how far it has come: the second page is as it was',
    expect: 'spurious-fault',
  },
  (good) => ({
    *setState(cpu, k, change) {
      return yield* good.setState(cpu, k, { ...change, bytes: k.space.granule.pageBytes });
    },
  }),
);

/** The flush of `__change_memory_common()`, which every other change needs as well. */
export const brokenNotFlushed = defineScenario({
  ...story,
  name: 'realm-share/not-flushed',
  summary: 'the pages are taken out of the tables, and not out of TLBs, when the monitor is asked',
  expect: 'stale',
  text: (good) => ({
    ...good,
    pageattr: {
      ...good.pageattr,
      *flush(cpu) {
        yield* dsb(cpu, 'ishst');
        yield* isb(cpu);
      },
    },
  }),
});

export const realmShareTwins: readonly Scenario[] = [
  askedBeforeBroken,
  bitNotFlipped,
  mappedThoughRefused,
  askedOnce,
  brokenNotFlushed,
];
