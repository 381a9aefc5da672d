import { describe, expect, test } from 'vitest';
import { midrOf, type PartName } from '../../../src/arch/midr.ts';
import { defaultBoard } from '../../../src/hardware/board/board-presets.ts';
import { type CpuModelName, cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import {
  CAP_ABSENT,
  CAP_PRESENT,
  cpuSupportsBbml2Noabort,
  finaliseSystemCapabilities,
  forcePteMapping,
  systemSupportsBbml2Noabort,
  updateCpuCapabilities,
  verifyLocalCpuCaps,
} from '../../../src/kernel/boot/cpufeature.ts';
import { HISTORY, KFENCE, REVISIONS, type Revision, RODATA } from '../../../src/kernel/config.ts';
import { variablePa } from '../../../src/kernel/kernel.ts';
import { linearMapRequiresBbml2 } from '../../../src/kernel/linear-map/linear-map.ts';
import { type Booted, bootCpu, complete } from '../boot-cpu.ts';

const part = (name: PartName, variant: number, revision: number) => ({
  ...cpuModels['cortex-a520'],
  midr: midrOf(name, variant, revision),
});

describe('cpu_supports_bbml2_noabort() reads MIDR_EL1 and the list of 6.18', () => {
  const EDGES: readonly [PartName, number, number, boolean][] = [
    ['Cortex-X4', 0, 2, false],
    ['Cortex-X4', 0, 3, true],
    ['Cortex-X4', 0, 15, true],
    ['Cortex-X4', 1, 0, false],
    ['Neoverse V3', 0, 1, false],
    ['Neoverse V3', 0, 2, true],
    ['Neoverse V3', 0, 15, true],
    ['Neoverse V3', 1, 0, false],
    ['Neoverse V3AE', 0, 1, false],
    ['Neoverse V3AE', 0, 2, true],
    ['Olympus', 0, 0, true],
    ['Olympus', 15, 15, true],
    ['AmpereOne', 0, 0, true],
    ['AmpereOne', 15, 15, true],
    ['AmpereOne-A', 0, 0, true],
    // On the longer list of 7.3 only:
    ['C1-Ultra', 1, 0, false],
    ['C1-Ultra', 1, 1, false],
    ['C1-Premium', 1, 1, false],
    ['C1-Pro', 0, 0, false],
    ['Cortex-A725', 0, 0, false],
    ['Neoverse N3', 0, 0, false],
    ['Cortex-A520', 0, 0, false],
  ];
  test.each(EDGES)('%s r%ip%i: %s', (name, variant, revision, expected) => {
    expect(cpuSupportsBbml2Noabort(part(name, variant, revision), '6.18')).toBe(expected);
  });

  test('the examples of the manual pages', () => {
    for (const midr of [0x410fd823, 0x410fd842, 0xc00fac30, 0x4e0f0100])
      expect(cpuSupportsBbml2Noabort({ ...cpuModels['cortex-a520'], midr }, '6.18')).toBe(true);
    expect(cpuSupportsBbml2Noabort({ ...cpuModels['cortex-a520'], midr: 0x411fd8c1 }, '6.18')).toBe(false);
  });

  test('the ID register is not asked: AmpereOne hides its level, and a level in it proves nothing', () => {
    expect(cpuModels.ampereone.bbm).toBe(0);
    expect(cpuSupportsBbml2Noabort(cpuModels.ampereone, '6.18')).toBe(true);
    expect(cpuSupportsBbml2Noabort(cpuModels['generic-bbml2-noabort'], '6.18')).toBe(false);
    expect(cpuSupportsBbml2Noabort(cpuModels['generic-bbml3'], '6.18')).toBe(false);
  });

  test('since 7.3 level 3 in the ID register is as good as the list, and level 2 still proves nothing', () => {
    const qualify = (revision: Revision, model: CpuModelName): boolean =>
      cpuSupportsBbml2Noabort(cpuModels[model], revision);
    expect(REVISIONS.filter((revision) => qualify(revision, 'generic-bbml3'))).toEqual(['7.3']);
    expect(REVISIONS.filter((revision) => qualify(revision, 'generic-bbml2-noabort'))).toEqual([]);
    expect(REVISIONS.filter((revision) => qualify(revision, 'ampereone'))).toEqual(REVISIONS);
  });

  test('each part is on the list from the kernel on that first had it', () => {
    const firstOf = (name: PartName): Revision | undefined =>
      HISTORY.find((revision) => cpuSupportsBbml2Noabort(part(name, 1, 1), revision));
    expect(firstOf('AmpereOne')).toBe('v4');
    expect(firstOf('Olympus')).toBe('6.18');
    for (const name of [
      'C1-Ultra',
      'C1-Premium',
      'C1-Pro',
      'C1-Nano',
      'Cortex-A725',
      'Cortex-A715',
      'Neoverse N3',
    ] as const)
      expect(firstOf(name), name).toBe('7.3');
    expect(cpuSupportsBbml2Noabort(part('C1-Ultra', 1, 0), '7.3')).toBe(false); // erratum 3683289
    expect(firstOf('Cortex-A520')).toBeUndefined();
  });

  test('no part is on the list that would abort', () => {
    const never = ['level2-noabort', 'level3'];
    for (const model of Object.values(cpuModels))
      for (const revision of REVISIONS)
        if (cpuSupportsBbml2Noabort(model, revision)) expect(never).toContain(model.conflicts);
  });
});

describe('the capability of the system', () => {
  /** CPUs of these parts come up in this order; then the capabilities are finalised. */
  function comeUp(...models: CpuModelName[]): Booted & { as(model: CpuModelName): Cpu } {
    const booted = bootCpu({ ...defaultBoard, cpus: [cpuModels[models[0]!]] });
    const as = (model: CpuModelName): Cpu => ({ ...booted.cpu, model: cpuModels[model] });
    for (const model of models.slice(1)) complete(updateCpuCapabilities(as(model), booted.k));
    return { ...booted, as };
  }
  const capOf = ({ memory, k }: Booted): bigint => read(memory, variablePa(k, 'cpu_hwcaps_bbml2_noabort'));

  test('is there when all early CPUs have it', () => {
    const up = comeUp('cortex-x4-r0p3', 'ampereone', 'olympus-r0p0');
    expect(capOf(up)).toBe(CAP_PRESENT);
    expect(complete(systemSupportsBbml2Noabort(up.cpu, up.k))).toBe(false); // not before it is final
    complete(finaliseSystemCapabilities(up.cpu, up.k));
    expect(complete(systemSupportsBbml2Noabort(up.cpu, up.k))).toBe(true);
  });

  test.each([
    [['cortex-a520', 'cortex-x4-r0p3', 'cortex-x4-r0p3']],
    [['cortex-x4-r0p3', 'cortex-a520', 'cortex-x4-r0p3']],
    [['cortex-x4-r0p3', 'cortex-x4-r0p3', 'cortex-a520']],
  ] as const)('one early CPU without it clears it, whenever it comes: %s', (models) => {
    const up = comeUp(...models);
    expect(capOf(up)).toBe(CAP_ABSENT);
    complete(finaliseSystemCapabilities(up.cpu, up.k));
    expect(complete(systemSupportsBbml2Noabort(up.cpu, up.k))).toBe(false);
  });

  test.each([
    ['the system has it, the CPU has it', 'cortex-x4-r0p3', 'ampereone', true],
    ['the system has it, the CPU lacks it', 'cortex-x4-r0p3', 'cortex-a520', false],
    ['the system lacks it, the CPU has it', 'cortex-a520', 'cortex-x4-r0p3', true],
    ['neither has it', 'cortex-a520', 'cortex-a520', true],
  ] as const)('a late CPU may come up? %s', (_, early, late, allowed) => {
    const up = comeUp(early);
    complete(finaliseSystemCapabilities(up.cpu, up.k));
    const before = capOf(up);
    expect(complete(verifyLocalCpuCaps(up.as(late), up.k))).toBe(allowed);
    expect(capOf(up)).toBe(before);
  });
});

describe('force_pte_mapping() and linear_map_requires_bbml2', () => {
  const booted = bootCpu({ ...defaultBoard, cpus: [cpuModels['cortex-x4-r0p3']] });
  const CASES = RODATA.flatMap((rodata) =>
    KFENCE.flatMap((kfence) =>
      [false, true].flatMap((debugPagealloc) =>
        [false, true].flatMap((realm) =>
          [false, true].map((bbml2) => ({ rodata, kfence, debugPagealloc, realm, bbml2 })),
        ),
      ),
    ),
  );

  test('96 cases, none forgotten', () => expect(CASES).toHaveLength(96));

  test.each(CASES)('$rodata, kfence $kfence, debug_pagealloc $debugPagealloc, realm $realm, BBML2 $bbml2', (each) => {
    const { bbml2, ...options } = each;
    const cpu = { ...booted.cpu, model: cpuModels[bbml2 ? 'cortex-x4-r0p3' : 'cortex-a520'] };
    const k = { ...booted.k, config: { ...booted.k.config, ...options } };
    // Somebody may want to change single pages: rodata=full (or on, its synonym), a late KFENCE pool. So will a realm, but
    // it does not know yet that it is one.
    const pagesMayChange = ['full', 'on'].includes(each.rodata) || each.kfence === 'late';
    const force = each.debugPagealloc || (!bbml2 && pagesMayChange);
    expect(forcePteMapping(cpu, k)).toBe(force);
    expect(linearMapRequiresBbml2(cpu, k)).toBe(!force && (pagesMayChange || each.debugPagealloc));
  });

  test('asks the CPU it runs on, whatever the system has decided', () => {
    exchange(booted.memory, variablePa(booted.k, 'cpu_hwcaps_bbml2_noabort'), CAP_ABSENT);
    complete(finaliseSystemCapabilities(booted.cpu, booted.k));
    expect(forcePteMapping(booted.cpu, booted.k)).toBe(false);
  });
});
