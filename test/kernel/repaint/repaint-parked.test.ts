import { describe, expect, test } from 'vitest';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { BARRIERS } from '../../../src/hardware/instruction/barrier.ts';
import { load } from '../../../src/hardware/instruction/load-store.ts';
import { REGISTERS } from '../../../src/hardware/instruction/system-register.ts';
import { exchange, read } from '../../../src/hardware/memory/memory.ts';
import { TLBI_NAMES } from '../../../src/hardware/tlbi/tlbi.ts';
import { type TraceRecord, tail } from '../../../src/hardware/trace.ts';
import { physToVirt } from '../../../src/kernel/address-space.ts';
import { idmapFlag, mapIdmapPage, ttbr } from '../../../src/kernel/boot/idmap.ts';
import { type Kernel, type KernelText, variablePa } from '../../../src/kernel/kernel.ts';
import { PAGE_KERNEL_RO } from '../../../src/kernel/tables/pgtable-prot.ts';
import { bootSmall, type Interleaved, runToEnd } from '../interleaved.ts';

interface Parking extends Interleaved {
  readonly cpu: Cpu;
  readonly k: Kernel;
  readonly flag: () => bigint;
  readonly setFlag: (value: bigint) => void;
  /** Goes on until it waits (then what for), or has done. `each`: before every step, given what it is about to do. */
  readonly goOn: (each?: (kind: string) => void) => string | undefined;
  /** What it has done since it was last asked. */
  readonly did: () => string[];
}

/** CPU 1 is about to park, CPU 0 has counted itself, and the machine is otherwise at rest. */
function parking(change?: (good: KernelText) => KernelText): Parking {
  const machine = bootSmall(2, {}, 1, change);
  const [cpu, k] = [machine.cpus[1]!, machine.kernels[1]!];
  const { memory } = machine.machine;
  const pa = variablePa(k, 'idmap_kpti_bbml2_flag');
  exchange(memory, pa, 1n);
  const waiting = k.text.repaint.waitForBootCpu(cpu, k);
  let asked = lastStep(cpu);
  return {
    ...machine,
    cpu,
    k,
    flag: () => read(memory, pa),
    setFlag: (value) => void exchange(memory, pa, value),
    goOn: (each = () => {}) => {
      for (let steps = 0; steps < 1000; steps++) {
        const { done, value } = waiting.next();
        if (done === true) return undefined;
        if (value.kind === 'halt') throw new Error(value.reason);
        if (value.kind === 'wait') return value.reason;
        each(value.kind);
      }
      throw new Error('it never waits, and never ends');
    },
    did: () => {
      const records = tail(cpu.trace, cpu.id, cpu.trace.records).filter(({ step }) => step > asked);
      asked = lastStep(cpu);
      return records.filter(({ kind }) => /^(msr|isb|dsb|tlbi|rmw|store|buffered)$/.test(kind)).map(spelled);
    },
  };
}

const lastStep = ({ trace, id }: Cpu): number => tail(trace, id, 1).at(-1)?.step ?? -1;

function spelled({ kind, detail, value }: TraceRecord): string {
  if (kind === 'dsb') return `dsb ${BARRIERS[detail]}`;
  if (kind === 'tlbi') return `tlbi ${TLBI_NAMES[detail]}`;
  return kind === 'msr' ? `msr ${REGISTERS[detail]} 0x${value.toString(16)}` : kind;
}

const set = (register: string, root: number): string[] => [`msr ${register} 0x${ttbr(root).toString(16)}`, 'isb'];
const LOCAL_FLUSH = ['dsb nshst', 'tlbi vmalle1', 'dsb nsh', 'isb'];
const WAIT = 'the boot CPU to clear the repaint flag';

describe('waitForBootCpu, step by step', () => {
  test('leaves TTBR0 for the idmap and TTBR1 for nothing, each with its barriers and flushes, and then counts itself', () => {
    const it = parking();
    const { reservedPgDir, idmapPgDir } = it.k.symbols;
    expect(it.goOn()).toBe(WAIT);
    expect(it.did()).toEqual([
      ...set('TTBR0_EL1', reservedPgDir),
      ...LOCAL_FLUSH,
      ...set('TTBR0_EL1', idmapPgDir),
      ...set('TTBR1_EL1', reservedPgDir),
      ...LOCAL_FLUSH.slice(1), // none of its stores is behind this one
      'rmw',
    ]);
    expect(it.flag()).toBe(2n);
    expect(it.marks.map(({ mark }) => mark)).toEqual(['repaint.parking', 'idmap.installed', 'repaint.parked']);
  });

  test('counts itself only when it can walk the linear map no more, nor has anything of it cached', () => {
    const it = parking();
    const roots: (number | undefined)[] = [];
    it.goOn((kind) => {
      if (kind === 'rmw')
        expect({ pending: it.cpu.ownLocal.length, count: it.flag() }).toEqual({ pending: 0, count: 1n });
      if (kind === 'rmw' || it.flag() === 2n) roots.push(it.cpu.regime1!.root, it.cpu.unsynchronised1?.root);
    });
    expect(new Set(roots)).toEqual(new Set([it.k.symbols.reservedPgDir, undefined]));
    expect(roots.length).toBeGreaterThan(2);
  });

  test('reaches the flag while it waits, through the idmap, and nothing else of the kernel', () => {
    const it = parking();
    it.goOn();
    const { cpu, k } = it;
    expect(runToEnd(load(cpu, idmapFlag(k)))).toBe(2n);
    expect(cpu.regime0!.root).toBe(k.symbols.idmapPgDir);
    for (const va of [k.symbols.variables.num_online_cpus, physToVirt(k.space, k.space.memstart)])
      expect(() => runToEnd(load(cpu, va))).toThrow(/halt/);
  });

  test.each([3n, 1n, 2n ** 32n + 2n])('goes on waiting whatever the flag becomes but 0: %i', (value) => {
    const it = parking();
    it.goOn();
    it.did();
    it.setFlag(value);
    expect(it.goOn()).toBe(WAIT);
    expect(it.did()).toEqual([]);
    expect({ flag: it.flag(), root: it.cpu.regime1!.root }).toEqual({ flag: value, root: it.k.symbols.reservedPgDir });
  });

  test('is woken for nothing, looks, and waits again', () => {
    const it = parking();
    for (let i = 0; i < 3; i++) expect(it.goOn()).toBe(WAIT);
    expect(it.flag()).toBe(2n); // it is counted once
  });

  test('takes swapper back when the flag is 0, and leaves the idmap last, with a flush of what TTBR0 held', () => {
    const it = parking();
    const { swapperPgDir, reservedPgDir } = it.k.symbols;
    it.goOn();
    it.did();
    it.setFlag(0n);
    expect(it.goOn()).toBeUndefined();
    expect(it.did()).toEqual([...set('TTBR1_EL1', swapperPgDir), ...set('TTBR0_EL1', reservedPgDir), ...LOCAL_FLUSH]);
    expect([it.cpu.regime0!.root, it.cpu.regime1!.root]).toEqual([reservedPgDir, swapperPgDir]);
    expect(it.flag()).toBe(0n);
    expect(it.marks.slice(3).map(({ mark }) => mark)).toEqual(['repaint.leaving', 'idmap.uninstalled']);
    runToEnd(load(it.cpu, it.k.symbols.variables.num_online_cpus));
    expect(it.violations).toEqual([]);
  });

  test('never sleeps where it was released before it came to wait: its own event is set', () => {
    const it = parking();
    let waited: string | undefined = '';
    waited = it.goOn(() => {
      if (it.flag() === 2n) it.setFlag(0n);
    });
    expect(waited).toBeUndefined();
    expect(it.cpu.regime1!.root).toBe(it.k.symbols.swapperPgDir);
  });

  test.each<[string, KernelText['repaint']['mapFlag']]>([
    ['does not map it', function* () {}],
    ['maps it read-only', (cpu, k, spare) => mapIdmapPage(cpu, k, spare, idmapFlag(k), PAGE_KERNEL_RO)],
  ])('dies at the flag, uncounted, where the idmap %s', (_, mapFlag) => {
    const it = parking((good) => ({ ...good, repaint: { ...good.repaint, mapFlag } }));
    expect(() => it.goOn()).toThrow('an exception that nobody handles');
    const { kind, address } = tail(it.cpu.trace, 1, 20).findLast((record) => record.kind === 'fault')!;
    expect({ kind, address }).toEqual({ kind: 'fault', address: idmapFlag(it.k) });
    expect(it.flag()).toBe(1n);
  });
});
