import { describe, expect, test } from 'vitest';
import { cpu, problemsOf, start } from './board-text.ts';

const topKeys = 'name, summary, granule, vaBits, memory, kernelImage, models, cpus, interconnect, lateCpus';
const aSize = 'a size such as 4GiB, 512MiB, 0x10000 or a number of bytes';
const known = 'cortex-x4-r0p3, cortex-a520, ampereone, generic-bbml1';

describe('a malformed file is refused at the line and column of', () => {
  test.each<[what: string, text: string, problems: string[]]>([
    ['nothing at all', '', ['b.yaml:1:1: the file is empty; expected a board: name, memory and cpus at least']],
    ['a comment only', '# soon\n', ['b.yaml:1:1: the file is empty; expected a board: name, memory and cpus at least']],
    ['a list', '- a\n', ['b.yaml:1:1: found a list; expected a board: name, memory and cpus at least']],
    [
      'a bracket that is not closed',
      'name: b\nmemory: [{ base: 0x40000000, size: 4GiB }\ncpus: [cortex-a520]\n',
      ['b.yaml:3:1: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['a tab', 'name: b\n\tmemory: []\n', ['b.yaml:2:1: not YAML: Tabs are not allowed as indentation']],
    ['a key given twice', `${start}${cpu}name: c\n`, ["b.yaml:4:1: the key 'name' is given twice"]],
    ['a quoted key given twice', '{ "name": "b",\n  "name": "c" }', ["b.yaml:2:3: the key 'name' is given twice"]],
    [
      'a second document',
      `${start}${cpu}---\nname: c\n`,
      ['b.yaml:4:1: a second document begins; expected one board in a file'],
    ],
    ['an alias without its anchor', `${start}cpus: [*big]\n`, ['b.yaml:3:8: there is no &big before *big']],
    ['a tag', `${start}cpus: !cpus [cortex-a520]\n`, ['b.yaml:3:7: not YAML: Unresolved tag: !cpus']],
    [
      'an unknown key',
      `${start}${cpu}granul: 16K\n`,
      [`b.yaml:4:1: unknown key 'granul' (did you mean 'granule'?); expected ${topKeys}`],
    ],
    [
      'an unknown key further in, beside the one that it was meant to be',
      'name: b\nmemory:\n  - base: 0x40000000\n    sise: 4GiB\ncpus: [cortex-a520]\n',
      [
        `b.yaml:3:5: memory[0].size: missing; expected ${aSize}`,
        "b.yaml:4:5: memory[0]: unknown key 'sise' (did you mean 'size'?); expected base, size",
      ],
    ],
    [
      'a missing key: the mapping that lacks it',
      '# a board\nname: b\ncpus: [cortex-a520]\n',
      ['b.yaml:2:1: memory: missing; expected a list of ranges such as [{ base: 0x40000000, size: 4GiB }]'],
    ],
    [
      'a key without a value: the key',
      'name: b\nmemory:\ncpus: [cortex-a520]\n',
      ['b.yaml:2:1: memory: found nothing; expected a list of ranges such as [{ base: 0x40000000, size: 4GiB }]'],
    ],
    [
      'an unknown model',
      `${start}models:\n  big: { like: cortex-x4-r0p3 }\n\n\ncpus: [bigg, cortex-a520 x6]\n`,
      [
        `b.yaml:7:8: cpus[0]: unknown model 'bigg' (did you mean 'big'?); expected one of big, ${known} ... (35 in all)`,
      ],
    ],
    [
      'an unknown model to start from',
      `${start}models:\n  big:\n    like: cortx-a520\n${cpu}`,
      [
        `b.yaml:5:11: models.big.like: unknown model 'cortx-a520' (did you mean 'cortex-a520'?); expected one of big, ${known} ... (35 in all)`,
      ],
    ],
    [
      'a model named like a method of every object',
      `${start}cpus: [toString]\n`,
      [`b.yaml:3:8: cpus[0]: unknown model 'toString'; expected one of ${known} ... (34 in all)`],
    ],
    [
      'an unknown granule',
      `${start}granule: 8K\n${cpu}`,
      ["b.yaml:3:10: granule: found '8K'; expected one of 4K, 16K, 64K"],
    ],
    [
      'a VA size that nobody has',
      `${start}vaBits: 40\n${cpu}`,
      ['b.yaml:3:9: vaBits: found 40; expected one of 36, 39, 42, 47, 48'],
    ],
    [
      'a VA size that this granule lacks',
      `${start}granule: 64K\nvaBits: 39\n${cpu}`,
      ['b.yaml:4:9: vaBits: 39-bit virtual addresses with the 64K granule: Linux offers 42 or 48'],
    ],
    [
      'a size in no known unit',
      `name: b\nmemory: [{ base: 0x40000000, size: 4 gigs }]\n${cpu}`,
      [`b.yaml:2:36: memory[0].size: found '4 gigs'; expected ${aSize}`],
    ],
    [
      'a size that is no whole number of bytes',
      `name: b\nmemory: [{ base: 0x40000000, size: 1.3 KiB }]\n${cpu}`,
      [`b.yaml:2:36: memory[0].size: found '1.3 KiB'; expected ${aSize}`],
    ],
    [
      'a negative address',
      `name: b\nmemory: [{ base: -1, size: 4GiB }]\n${cpu}`,
      ['b.yaml:2:18: memory[0].base: found -1; expected an address such as 0x40000000 or 2GiB'],
    ],
    [
      'RAM that is not page aligned',
      `name: b\nmemory: [{ base: 0x40000000, size: 4000000001 }]\n${cpu}`,
      ['b.yaml:2:36: memory[0].size: 4000000001 is not a multiple of the 4K page'],
    ],
    [
      'overlapping RAM',
      `name: b\nmemory:\n  - { base: 0x40000000, size: 4GiB }\n  - { base: 0x80000000, size: 4GiB }\n${cpu}`,
      [
        'b.yaml:4:13: memory[1].base: 0x80000000..0x180000000 overlaps 0x40000000..0x140000000: RAM ranges must be sorted and disjoint',
      ],
    ],
    [
      'more RAM than the linear map holds',
      `name: b\nvaBits: 39\nmemory: [{ base: 0x40000000, size: 512GiB }]\n${cpu}`,
      [
        'b.yaml:3:10: memory[0]: RAM reaches 512G from 0x40000000: the linear map of 39-bit virtual addresses holds 256G',
      ],
    ],
    [
      'a kernel image outside RAM',
      `${start}kernelImage: { pa: 0x10000000 }\n${cpu}`,
      ['b.yaml:3:14: kernelImage: the image 0x10000000..0x12000000 is not within RAM (0x40000000..0x140000000)'],
    ],
    [
      'RAM too small for the kernel image that the file does not mention',
      `name: b\nmemory: [{ base: 0x40000000, size: 16MiB }]\n${cpu}`,
      ['b.yaml:2:9: memory: the image 0x40210000..0x42210000 is not within RAM (0x40000000..0x41000000)'],
    ],
    [
      'too little data for root tables and variables',
      `${start}kernelImage:\n  data: 64KiB\n${cpu}`,
      ['b.yaml:4:9: kernelImage.data: 64K of data: root tables and variables need 24 pages, 96K'],
    ],
    [
      'a segment that is not page aligned',
      `${start}kernelImage:\n  text: 1MiB\n  data: 100\n${cpu}`,
      ['b.yaml:5:9: kernelImage.data: 100 is not a multiple of the 4K page'],
    ],
    ['no CPU', `${start}cpus: []\n`, ['b.yaml:3:7: cpus: found an empty list; expected at least one CPU']],
    ['no CPU in the end', `${start}cpus: [cortex-a520 x0]\n`, ['b.yaml:3:7: cpus: 0 CPUs: a board has 1 to 512']],
    [
      'too many CPUs',
      `${start}cpus: [cortex-a520 x512, ampereone]\n`,
      ['b.yaml:3:7: cpus: 513 CPUs: a board has 1 to 512'],
    ],
    [
      'CPU groups, each with a mistake of its own',
      `${start}cpus:\n  - { model: cortex-a520, cout: 6 }\n  - { model: cortex-a52, count: 0 }\n  - 7\n`,
      [
        "b.yaml:4:27: cpus[0]: unknown key 'cout' (did you mean 'count'?); expected model, count",
        `b.yaml:5:14: cpus[1].model: unknown model 'cortex-a52' (did you mean 'cortex-a520'?); expected one of ${known} ... (34 in all)`,
        'b.yaml:5:33: cpus[1].count: found 0; expected a whole number from 1 to 512',
        'b.yaml:6:5: cpus[2]: found 7; expected a model, a model and a count such as cortex-a520 x6, or { model: cortex-a520, count: 6 }',
      ],
    ],
    [
      'TLB sets that are no power of two',
      `${start}models:\n  big:\n    like: cortex-x4-r0p3\n    tlb: { entries: 1000, ways: 8 }\ncpus: [big]\n`,
      ['b.yaml:6:10: models.big.tlb: 1000 entries in 8 ways make 125 sets: the number of sets must be a power of two'],
    ],
    [
      'a word where a number belongs',
      `${start}models:\n  big:\n    like: cortex-x4-r0p3\n    tlb: { entries: many }\ncpus: [big]\n`,
      ["b.yaml:6:21: models.big.tlb.entries: found 'many'; expected a whole number from 1 to 65536"],
    ],
    [
      'a part that is not complete',
      `${start}models:\n  big: { like: small }\n  small: { bbm: 2, conflicts: level2, walkCache: { entries: 4 }, storeBuffer: { entries: 4 }, tlb: { ways: 2 },\n    features: { tlbiRange: true, ttl: true, cnp: true, e0pd: true, hpds: true, pan: true, lpa: false, hafdbs: 2 } }\ncpus: [cortex-a53]\n`,
      [
        "b.yaml:4:8: models.big: missing midr, features.paBits, tlb.entries; expected these, or 'like: PART' to start from",
        "b.yaml:5:10: models.small: missing midr, features.paBits, tlb.entries; expected these, or 'like: PART' to start from",
      ],
    ],
    [
      'parts that are like each other',
      `${start}models:\n  a: { like: b }\n  b: { like: a }\n  c: { like: c }\n  d: { like: a }\n${cpu}`,
      [
        'b.yaml:4:14: models.a.like: the models go in a circle: a -> b -> a',
        'b.yaml:5:14: models.b.like: the models go in a circle: b -> a -> b',
        'b.yaml:6:14: models.c.like: the models go in a circle: c -> c',
        'b.yaml:7:14: models.d.like: the models go in a circle: d -> a -> b -> a',
      ],
    ],
    [
      'a class of conflicts that does not exist',
      `${start}models:\n  a: { like: cortex-a520, conflicts: never }\ncpus: [a]\n`,
      [
        "b.yaml:4:38: models.a.conflicts: found 'never'; expected one of level0, level1, level2, level2-noabort, level3",
      ],
    ],
    [
      'a MIDR with a misplaced digit',
      `${start}models:\n  a: { like: cortex-a520, midr: 0x41FD8010 }\ncpus: [a]\n`,
      [
        'b.yaml:4:33: models.a.midr: 0x41fd8010: MIDR_EL1.Architecture [19:16] must be 0xf, as on every part with ID registers',
      ],
    ],
    [
      'features that are none, or out of range',
      `${start}models:\n  a: { like: cortex-a520, bbm: '2', features: { tll: true, paBits: 52, cnp: yes } }\ncpus: [a]\n`,
      [
        "b.yaml:4:32: models.a.bbm: found '2'; expected one of 0, 1, 2, 3",
        "b.yaml:4:49: models.a.features: unknown key 'tll' (did you mean 'ttl'?); expected tlbiRange, ttl, cnp, e0pd, hpds, pan, lpa, hafdbs, paBits",
        'b.yaml:4:68: models.a.features.paBits: found 52; expected one of 32, 36, 40, 42, 44, 48',
        "b.yaml:4:77: models.a.features.cnp: found 'yes'; expected true or false",
      ],
    ],
    [
      'an erratum without quotes',
      `${start}models:\n  a: { like: cortex-a520, errata: [3683289] }\ncpus: [a]\n`,
      ["b.yaml:4:36: models.a.errata[0]: found 3683289; expected an erratum such as '3683289', in quotes"],
    ],
    [
      'late CPUs that cannot be',
      `${start}cpus: [cortex-a520 x4]\nlateCpus: [0, 4, 2, 2]\n`,
      [
        'b.yaml:4:12: lateCpus[0]: CPU 0 boots the machine and cannot be late',
        'b.yaml:4:15: lateCpus[1]: there is no CPU 4: the board has CPUs 0 to 3',
        'b.yaml:4:21: lateCpus[3]: CPU 2 is listed twice',
      ],
    ],
    [
      'five mistakes, all of them listed in the order of the text',
      'name: 7\ngranule: 5K\nmemory: [{ base: zero, size: 4GiB }]\ncpus: [cortex-x9, ampereone]\nlateCpu: [1]\n',
      [
        'b.yaml:1:7: name: found 7; expected a name',
        "b.yaml:2:10: granule: found '5K'; expected one of 4K, 16K, 64K",
        "b.yaml:3:18: memory[0].base: found 'zero'; expected an address such as 0x40000000 or 2GiB",
        `b.yaml:4:8: cpus[0]: unknown model 'cortex-x9'; expected one of ${known} ... (34 in all)`,
        `b.yaml:5:1: unknown key 'lateCpu' (did you mean 'lateCpus'?); expected ${topKeys}`,
      ],
    ],
    [
      'a mistake after Windows line ends',
      'name: b\r\nmemory: [{ base: 0x40000000, size: 4GiB }]\r\ncpus: [cortex-a5200]\r\n',
      [
        `b.yaml:3:8: cpus[0]: unknown model 'cortex-a5200' (did you mean 'cortex-a520'?); expected one of ${known} ... (34 in all)`,
      ],
    ],
  ])('%s', async (_, text, problems) => {
    expect(await problemsOf(text)).toEqual(problems);
  });
});
