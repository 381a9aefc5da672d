import { readdirSync, readFileSync } from 'node:fs';
import { DEFAULT_CONFIG } from '../../src/kernel/config.ts';
import { catalogue } from '../../src/scenario/catalogue.ts';
import { explorerOf, MOST_POINTS } from './exploration.ts';
import { exploredBoard } from './explored-board.ts';
import { noRaces, type Patience, type Races, watchRaces } from './races.ts';

/** What races what: the functions that change page tables, who tests each by itself, and in which good scenarios it was seen to race. */

/** Why a function does not race with somebody; that it does not is seen to as well. */
type Reasons = Partial<Readonly<Record<keyof Races, string>>>;

const stopped: Reasons = { readers: 'all are parked', interrupts: 'masked' };
const alone: Reasons = { readers: 'all are off', changers: 'all are off', interrupts: 'masked' };
/** arm64 has no ROX cache before the RFC, whose cache calls another. */
const onlyX86: Reasons = {
  readers: 'only x86 calls it',
  changers: 'only x86 calls it',
  interrupts: 'only x86 calls it',
};

/** By their names here, which are Linux's in another spelling. */
const FUNCTIONS: Readonly<Record<string, Reasons>> = {
  splitKernelLeafMapping: {},
  splitPud: {},
  splitContpmd: {},
  splitPmd: {},
  splitContpte: {},
  rangeSplitToPtes: {},
  leaveLazyMmuMode: {},
  queuePteBarriers: {},
  updateRangeProt: {},
  setMemoryRo: {},
  setMemoryRw: {},
  setMemoryX: {},
  setMemoryNx: {},
  setMemoryRox: {},
  setMemoryValid: {},
  setDirectMapInvalidNoflush: {},
  setDirectMapDefaultNoflush: {},
  setDirectMapValidNoflush: onlyX86,
  kernelMapPages: {},
  flushTlbKernelRange: {},
  setFixmap: {},
  clearFixmap: {},
  vmalloc: {},
  vmapRange: {},
  setHugePteAt: {},
  vfree: {},
  vunmapRangeNoflush: {},
  purgeVmapAreaLazy: {},
  pmdFreePtePage: {},
  pudFreePmdPage: {},
  ptdumpWalk: {},
  ptdumpCheckWx: {},
  allocInsnPage: {},
  execmemAllocRw: {},
  execmemRestoreRox: {},
  execmemFree: {},
  cacheClean: {},
  collapseLinearPmd: {},
  setDirectMapDefault: {},
  archKfenceInitPool: {},
  kfenceGuardedFree: {},
  kfenceGuardedAlloc: {},
  freePagesPrepare: {},
  postAllocHook: {},
  setMemoryDecrypted: {},
  archAddMemory: {},
  archRemoveMemory: {},
  transPgdCreateCopy: alone,
  contpteSetPtes: {},
  contpteTryFold: {},
  contpteTryUnfold: {},
  contpteTryUnfoldPartial: {},
  contpteConvert: {},
  stopMachine: {},
  linearMapSplitToPtes: stopped,
  waitForBootCpu: stopped,
  cpuDown: {},
};

const PATIENCE: Patience = { schedules: 300, points: 300_000 };

/** Every good scenario of the catalogue is watched: some minutes. */
export function raceRows(): string[][] {
  const races = new Map(Object.keys(FUNCTIONS).map((name) => [name, noRaces()]));
  for (const scenario of catalogue) {
    if (scenario.expect !== 'good') continue;
    const plan = {
      reference: { name: scenario.name },
      board: exploredBoard(scenario),
      kernel: { ...DEFAULT_CONFIG, ...scenario.kernel },
      from: 'brought-up',
      mostPoints: MOST_POINTS,
      charts: 'tables',
    } as const;
    watchRaces(explorerOf(plan, scenario), scenario.name, races, PATIENCE);
  }
  return Object.entries(FUNCTIONS).map(([name, why]) => [
    `\`${linuxName(name)}()\``,
    someOf(testsOf(name).map((file) => file.replace(/^test\/kernel\//, '').replace(/\.test\.ts$/, ''))),
    ...(['readers', 'changers', 'interrupts'] as const).map((kind) => {
      const seen = [...races.get(name)![kind]];
      const reason = why[kind];
      if (reason !== undefined && seen.length > 0)
        throw new Error(`${name} is said not to race with ${kind} (${reason}), and does in ${seen.join(', ')}`);
      return reason === undefined ? someOf(seen) : `none: ${reason}`;
    }),
  ]);
}

function linuxName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The first, and how many more there are. */
function someOf(names: readonly string[]): string {
  if (names.length === 0) return '-';
  return names.length === 1 ? `\`${names[0]}\`` : `\`${names[0]}\` and ${names.length - 1}`;
}

const UNIT_TESTS = new URL('../../test/kernel/', import.meta.url);

/** Unit tests in which the name occurs. */
function testsOf(name: string): string[] {
  const word = new RegExp(`\\b${name}\\b`);
  return readdirSync(UNIT_TESTS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && word.test(readFileSync(new URL(file, UNIT_TESTS), 'utf8')))
    .sort();
}
