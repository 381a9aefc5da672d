import type { CpuFeatures, CpuModel, PaBits } from './board.ts';

/*
 * CPU parts as data.
 *
 * Known: part numbers, revisions and errata (Linux arch/arm64/include/asm/cputype.h, Documentation/arch/arm64/
 * silicon-errata.rst); `conflicts` of every part on Linux's allow list, whose vendors attest that no conflict abort
 * happens; the ID registers of A55, A76, N1 and (through its sibling A710) N2, as QEMU models them; the TLBs of A53
 * (512, 4 ways) and of A76 and N1 (1280, 5 ways), from their manuals. The rest of `features` follows from the
 * architecture version.
 *
 * Assumed: every number marked `assumed` below. `conflicts` of a part off the list is assumed to be the worst that its
 * BBM level allows: what such silicon does is implementation defined, and nobody published it.
 */

const arm = 0x41;
const nvidia = 0x4e;
const ampere = 0xc0;
const software = 0x00; // reserved for software use: no vendor will ever ship it

/** MIDR_EL1: Implementer 31:24, Variant 23:20, Architecture 19:16 (0xF), PartNum 15:4, Revision 3:0. */
const midr = (implementer: number, part: number, variant = 0, revision = 0): number =>
  ((implementer << 24) | (variant << 20) | (0xf << 16) | (part << 4) | revision) >>> 0;

const armv80 = (paBits: PaBits): CpuFeatures => ({
  tlbiRange: false,
  ttl: false,
  cnp: false,
  e0pd: false,
  hpds: false,
  pan: false,
  lpa: false,
  hafdbs: 0,
  paBits,
});
const armv82 = (paBits: PaBits): CpuFeatures => ({ ...armv80(paBits), cnp: true, hpds: true, pan: true, hafdbs: 2 });
const armv90 = (paBits: PaBits): CpuFeatures => ({ ...armv82(paBits), tlbiRange: true, ttl: true, e0pd: true });

/** A DSB may return before the memory accesses that used the invalidated entry are done: Linux repeats TLBI and DSB. */
const repeatTlbi = '4118414';
/** Without full break-before-make the core live-locks. */
const liveLock = '3683289';
/** Break-before-make must be observed whatever the ID register says. */
const observeBbm = '3053180';

/** Core classes. Walk caches and store buffers are assumed, except the A53's walk cache. */
const bigCore = { tlb: { entries: 2048, ways: 8 }, walkCache: { entries: 128 }, storeBuffer: { entries: 64 } };
const middleCore = { tlb: { entries: 1280, ways: 5 }, walkCache: { entries: 64 }, storeBuffer: { entries: 32 } };
const littleCore = { tlb: { entries: 512, ways: 4 }, walkCache: { entries: 64 }, storeBuffer: { entries: 16 } };

const x4 = { bbm: 2, features: armv90(40), ...bigCore } as const; // TLB and paBits assumed
const v3 = { bbm: 2, features: armv90(48), ...bigCore } as const; // TLB assumed
const c1Big = { bbm: 2, features: armv90(40), ...bigCore } as const; // TLB and paBits assumed
const middleV9 = { bbm: 2, features: armv90(40), errata: [], ...middleCore } as const; // TLB and paBits assumed
/** FEAT_HAFDBS is there but its ID field is hidden (errata AC03_CPU_38, AC04_CPU_10). */
const ampereOne = { bbm: 0, conflicts: 'level2-noabort', features: { ...armv90(48), hafdbs: 0 }, ...bigCore } as const; // TLB assumed

const generic = { features: armv90(48), errata: [], ...middleCore } as const; // not a part: every number is a choice

const models = {
  ampereone: { ...ampereOne, name: 'AmpereOne r0p0', midr: midr(ampere, 0xac3), errata: ['AC03_CPU_38'] },
  'ampereone-a': { ...ampereOne, name: 'AmpereOne-A r0p0', midr: midr(ampere, 0xac4), errata: ['AC04_CPU_10'] },
  'neoverse-v3-r0p1': {
    ...v3,
    name: 'Neoverse V3 r0p1',
    midr: midr(arm, 0xd84, 0, 1),
    conflicts: 'level2', // assumed: the erratum only says that break-before-make must be observed
    errata: [observeBbm, repeatTlbi],
  },
  'neoverse-v3-r0p2': {
    ...v3,
    name: 'Neoverse V3 r0p2',
    midr: midr(arm, 0xd84, 0, 2),
    conflicts: 'level2-noabort',
    errata: [repeatTlbi],
  },
  'neoverse-v3ae-r0p1': {
    ...v3,
    name: 'Neoverse V3AE r0p1',
    midr: midr(arm, 0xd83, 0, 1),
    conflicts: 'level2', // assumed, as for V3 r0p1
    errata: [observeBbm, repeatTlbi],
  },
  'neoverse-v3ae-r0p2': {
    ...v3,
    name: 'Neoverse V3AE r0p2',
    midr: midr(arm, 0xd83, 0, 2),
    conflicts: 'level2-noabort',
    errata: [repeatTlbi],
  },
  'cortex-x4-r0p2': {
    ...x4,
    name: 'Cortex-X4 r0p2',
    midr: midr(arm, 0xd82, 0, 2),
    conflicts: 'level2', // assumed: it is one revision short of the allow list
    errata: [repeatTlbi],
  },
  'cortex-x4-r0p3': {
    ...x4,
    name: 'Cortex-X4 r0p3',
    midr: midr(arm, 0xd82, 0, 3),
    conflicts: 'level2-noabort',
    errata: [repeatTlbi],
  },
  'olympus-r0p0': {
    name: 'Olympus r0p0',
    midr: midr(nvidia, 0x010),
    bbm: 2,
    conflicts: 'level2-noabort',
    features: armv90(48), // paBits assumed
    ...bigCore, // TLB assumed
    errata: [repeatTlbi], // NVIDIA calls it T410-OLY-1029
  },
  'c1-ultra-r1p0': {
    ...c1Big,
    name: 'C1-Ultra r1p0',
    midr: midr(arm, 0xd8c, 1, 0),
    conflicts: 'level2', // assumed: its erratum is a live-lock, not an abort
    errata: [liveLock, repeatTlbi],
  },
  'c1-ultra-r1p1': {
    ...c1Big,
    name: 'C1-Ultra r1p1',
    midr: midr(arm, 0xd8c, 1, 1),
    conflicts: 'level2-noabort',
    errata: [repeatTlbi],
  },
  'c1-premium-r1p0': {
    ...c1Big,
    name: 'C1-Premium r1p0',
    midr: midr(arm, 0xd90, 1, 0),
    conflicts: 'level2', // assumed, as for C1-Ultra r1p0
    errata: [liveLock, repeatTlbi],
  },
  'c1-premium-r1p1': {
    ...c1Big,
    name: 'C1-Premium r1p1',
    midr: midr(arm, 0xd90, 1, 1),
    conflicts: 'level2-noabort',
    errata: [repeatTlbi],
  },
  'c1-pro': { ...middleV9, name: 'C1-Pro r1p1', midr: midr(arm, 0xd8b, 1, 1), conflicts: 'level2-noabort' },
  'c1-nano': {
    name: 'C1-Nano r0p0',
    midr: midr(arm, 0xd8a),
    bbm: 2,
    conflicts: 'level2-noabort',
    features: armv90(40), // paBits assumed
    ...littleCore, // TLB assumed
    errata: [],
  },
  'cortex-a520': {
    name: 'Cortex-A520 r0p1',
    midr: midr(arm, 0xd80, 0, 1),
    bbm: 0, // assumed, with `conflicts`: off the allow list, taken as the plainest CPU a mixed board can hold
    conflicts: 'level0',
    features: armv90(40),
    ...littleCore, // TLB assumed
    errata: [],
  },
  'cortex-a520ae': {
    name: 'Cortex-A520AE r0p1',
    midr: midr(arm, 0xd88, 0, 1),
    bbm: 2,
    conflicts: 'level2-noabort',
    features: armv90(40),
    ...littleCore, // TLB assumed
    errata: [],
  },
  'cortex-a715': { ...middleV9, name: 'Cortex-A715 r1p1', midr: midr(arm, 0xd4d, 1, 1), conflicts: 'level2-noabort' },
  // A720's BBM field is assumed, from its neighbours A715 and A725.
  'cortex-a720': { ...middleV9, name: 'Cortex-A720 r0p1', midr: midr(arm, 0xd81, 0, 1), conflicts: 'level2' },
  'cortex-a720ae': { ...middleV9, name: 'Cortex-A720AE r0p0', midr: midr(arm, 0xd89), conflicts: 'level2-noabort' },
  'cortex-a725': { ...middleV9, name: 'Cortex-A725 r0p1', midr: midr(arm, 0xd87, 0, 1), conflicts: 'level2-noabort' },
  'cortex-a53': {
    name: 'Cortex-A53 r0p4',
    midr: midr(arm, 0xd03, 0, 4),
    bbm: 0,
    conflicts: 'level0',
    features: armv80(40),
    ...littleCore,
    errata: [],
  },
  'cortex-a55': {
    name: 'Cortex-A55 r2p0',
    midr: midr(arm, 0xd05, 2, 0),
    bbm: 0,
    conflicts: 'level0',
    features: armv82(40),
    ...littleCore,
    tlb: { entries: 1024, ways: 4 }, // assumed
    errata: ['2441007'], // repeat TLBI, as 4118414
  },
  'cortex-a76': {
    name: 'Cortex-A76 r4p1',
    midr: midr(arm, 0xd0b, 4, 1),
    bbm: 0,
    conflicts: 'level0',
    features: armv82(40),
    ...middleCore,
    errata: [repeatTlbi],
  },
  'cortex-a78': {
    name: 'Cortex-A78 r1p2',
    midr: midr(arm, 0xd41, 1, 2),
    bbm: 0,
    conflicts: 'level0',
    features: armv82(40),
    ...middleCore,
    tlb: { entries: 1024, ways: 4 }, // assumed
    errata: [repeatTlbi],
  },
  'neoverse-n1': {
    name: 'Neoverse N1 r4p1',
    midr: midr(arm, 0xd0c, 4, 1),
    bbm: 0,
    conflicts: 'level0',
    features: armv82(48),
    ...middleCore,
    errata: [repeatTlbi],
  },
  'neoverse-n2': {
    name: 'Neoverse N2 r0p3',
    midr: midr(arm, 0xd49, 0, 3),
    bbm: 2,
    conflicts: 'level2', // assumed: off the allow list
    features: armv90(48),
    ...middleCore, // TLB assumed
    errata: [repeatTlbi],
  },
  'neoverse-n3': { ...middleV9, name: 'Neoverse N3 r0p1', midr: midr(arm, 0xd8e, 0, 1), conflicts: 'level2-noabort' },
  'neoverse-v2': {
    name: 'Neoverse V2 r0p1',
    midr: midr(arm, 0xd4f, 0, 1),
    bbm: 2, // assumed, with `conflicts`: as N2
    conflicts: 'level2',
    features: armv90(48),
    ...bigCore, // TLB assumed
    errata: [repeatTlbi],
  },
  'generic-bbml0': {
    ...generic,
    name: 'Generic BBM level 0',
    midr: midr(software, 0xbb0),
    bbm: 0,
    conflicts: 'level0',
  },
  'generic-bbml1': {
    ...generic,
    name: 'Generic BBM level 1',
    midr: midr(software, 0xbb1),
    bbm: 1,
    conflicts: 'level1',
  },
  'generic-bbml2': {
    ...generic,
    name: 'Generic BBM level 2',
    midr: midr(software, 0xbb2),
    bbm: 2,
    conflicts: 'level2',
  },
  'generic-bbml2-noabort': {
    ...generic,
    name: 'Generic BBM level 2, no abort',
    midr: midr(software, 0xbb4), // on nobody's allow list: only the register speaks for it
    bbm: 2,
    conflicts: 'level2-noabort',
  },
  'generic-bbml3': {
    ...generic,
    name: 'Generic BBM level 3',
    midr: midr(software, 0xbb3),
    bbm: 3,
    conflicts: 'level3',
  },
} as const satisfies Record<string, CpuModel>;

export type CpuModelName = keyof typeof models;

/** Every known part by the name that board files use. */
export const cpuModels: Readonly<Record<CpuModelName, CpuModel>> = models;

export const cpuModelNames = Object.keys(models) as CpuModelName[];

/** The part of that name, if it is known. */
export const cpuModel = (name: string): CpuModel | undefined =>
  Object.hasOwn(models, name) ? models[name as CpuModelName] : undefined;
