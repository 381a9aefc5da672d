import { describe, expect, test } from 'vitest';
import { inPlaceText } from '../../../src/check/break-before-make/in-place.ts';
import { cpuModels } from '../../../src/hardware/board/cpu-models.ts';
import { isb } from '../../../src/hardware/instruction/barrier.ts';
import { msr } from '../../../src/hardware/instruction/system-register.ts';
import { wordOf } from '../../../src/hardware/memory/memory.ts';
import { placeOf } from '../../../src/hardware/memory/table-word.ts';
import { ttbr } from '../../../src/kernel/boot/idmap.ts';
import { type Kernel, type Variable, variablePa } from '../../../src/kernel/kernel.ts';
import { block, entryAt, leafTable, type Rig, rigOf, run } from '../rig.ts';

/** What is missing where CPU 0 splits a block and CPU 1, of level 0, could walk it. `walker`: who could. */
function remedy(prepare: (rig: Rig) => void, { walker = 1, k }: { walker?: number; k?: (k: Kernel) => Kernel } = {}) {
  const rig = rigOf({ classes: ['level3', 'level0'] });
  prepare(rig);
  const place = placeOf(rig.machine.memory, entryAt(rig, rig.k.space.pageOffset, 2))!;
  const kernel = k?.(rig.k) ?? rig.k;
  const after = leafTable(rig, 3, 0);
  return inPlaceText(rig.cpus[0]!, kernel, place, block(0), after, 'size', { cpu: walker, bbm: 0 });
}

const set = ({ machine, k }: Rig, variable: Variable, value: bigint): void => {
  machine.memory.words[wordOf(machine.memory, variablePa(k, variable))] = value;
};

/** In the repaint, with so many of two CPUs counted. */
const stopped =
  (counted: bigint) =>
  (rig: Rig): void => {
    set(rig, 'multi_stop_state', 3n);
    set(rig, 'num_online_cpus', 2n);
    set(rig, 'idmap_kpti_bbml2_flag', counted);
  };

describe('a change in place that somebody could not stand', () => {
  test('shows the entry before and after, decoded, and where the walker walks', () => {
    const { message, evidence } = remedy(() => {});
    expect(message).toBe(
      'a live level 2 entry (2M) changed its size in place while CPU 1, whose BBM class is level0, could walk it',
    );
    expect(evidence).toEqual([
      expect.stringMatching(/^entry {3}0xffff000000000000\.\.0xffff000000200000 \(PMD\)$/),
      expect.stringMatching(/^before {2}0x[0-9a-f]{16} {2}2M block 0x0 RW NX$/),
      expect.stringMatching(/^after {3}0x[0-9a-f]{16} {2}table 0x[0-9a-f]+$/),
      'walker  CPU 1 (a CPU of level0): TTBR0_EL1 reserved_pg_dir; TTBR1_EL1 swapper_pg_dir',
    ]);
  });

  test('outside of the repaint misses the stop, or break-before-make', () =>
    expect(remedy(() => {}).remedy).toMatch(
      /reserved TTBR1: linear_map_split_to_ptes\(\), 6\.18\), or .*break-before-make/,
    ));

  test('misses the wait of the boot CPU where somebody has not parked', () =>
    expect(remedy(stopped(1n)).remedy).toMatch(/smp_cond_load_acquire.*; 1 of 2 had counted themselves$/));

  test('misses the idmap where the walker was counted on swapper', () =>
    expect(remedy(stopped(2n)).remedy).toMatch(/^CPU 1 has to wait in the idmap .*cpu_install_idmap\(\)/));

  test('misses the reserved TTBR1 where the walker waits in the idmap', () => {
    const text = remedy((rig) => {
      stopped(2n)(rig);
      run(msr(rig.cpus[1]!, 'TTBR0_EL1', ttbr(rig.k.symbols.idmapPgDir)));
      run(isb(rig.cpus[1]!));
    });
    expect(text.remedy).toMatch(/^CPU 1 waits in the idmap, but with TTBR1_EL1 on swapper_pg_dir/);
    expect(text.evidence.at(-1)).toContain('TTBR0_EL1 idmap_pg_dir; TTBR1_EL1 swapper_pg_dir');
  });

  test('misses the ISB where TTBR1 has been written, and not where one has followed', () => {
    const parked = (synchronised: boolean) => (rig: Rig) => {
      stopped(2n)(rig);
      run(msr(rig.cpus[1]!, 'TTBR1_EL1', ttbr(rig.k.symbols.reservedPgDir)));
      if (synchronised) run(isb(rig.cpus[1]!));
    };
    const text = remedy(parked(false));
    expect(text.remedy).toMatch(/^an ISB after CPU 1 wrote TTBR1_EL1: .*__idmap_cpu_set_reserved_ttbr1/);
    expect(text.evidence.at(-1)).toMatch(/TTBR1_EL1 swapper_pg_dir, reserved_pg_dir written but no ISB since$/);
    expect(remedy(parked(true)).remedy).not.toContain('ISB after');
  });

  test('belongs to the boot CPU where the walker is the painter itself', () =>
    expect(remedy(stopped(2n), { walker: 0 }).remedy).toMatch(/^CPU 0 changes the table under its own feet/));

  test('of a late CPU misses its refusal, but not where it qualifies', () => {
    const late = (model: Kernel['board']['cpus'][number]) => (k: Kernel) => ({
      ...k,
      board: { ...k.board, cpus: [k.board.cpus[0]!, model], lateCpus: [1] },
    });
    expect(remedy(() => {}, { k: late(cpuModels['cortex-a520']) }).remedy).toMatch(
      /verify_local_cpu_caps\(\).*cpu_die_early\(\)/,
    );
    expect(remedy(() => {}, { k: late(cpuModels['cortex-x4-r0p3']) }).remedy).not.toContain('refused');
  });
});
