import type { Cpu } from '../../hardware/cpu.ts';
import { dsb, isb } from '../../hardware/instruction/barrier.ts';
import { load } from '../../hardware/instruction/load-store.ts';
import { msr } from '../../hardware/instruction/system-register.ts';
import { relaxWhile, waitForWord } from '../../hardware/instruction/wait.ts';
import { CONTROL_MARKS, marksSince } from '../../hardware/memory/mark-log.ts';
import type { Op } from '../../hardware/op.ts';
import { tlbi } from '../../hardware/tlbi/tlbi.ts';
import { ttbr } from '../../kernel/boot/idmap.ts';
import type { Kernel, Variable } from '../../kernel/kernel.ts';
import { MARK, MARKS, type Mark } from '../../kernel/marks.ts';
import { localFlushTlbAll } from '../../kernel/tables/tlbflush.ts';
import { letGo } from '../../scenario/staging/held-up.ts';

/** Lines that may be missing from a program: what is tried out where. */

/** How much a line costs those who run it: what is cheaper is tried first. */
export type Cost = 'barrier' | 'tlbi' | 'register' | 'wait';
export const COSTS: readonly Cost[] = ['barrier', 'tlbi', 'register', 'wait'];

export interface Line {
  /** As an assembler, or a reader, knows it. */
  readonly text: string;
  readonly cost: Cost;
  /** It may have to wait for others: then it needs a point before which to do so. */
  readonly waits: boolean;
  readonly op: (cpu: Cpu, k: Kernel) => Op;
  /** What has to undo it further on. */
  readonly undo?: Line;
}

/** Variables that CPUs count themselves in. Locks, keys and states never come to the number of CPUs but by accident. */
const COUNTERS: readonly Variable[] = [
  'idmap_kpti_bbml2_flag',
  'multi_stop_thread_ack',
  'cpu_stop_done',
  'cpus_refused',
  'cpus_finished',
  'panic_cpu',
];

/** Who waits for the others to be done with everything races with nobody, and has learnt nothing. */
const AFTERWARDS: readonly Mark[] = ['system.running', 'work.started', 'work.finished', 'cpu.idle'];

/** The cheapest first; of barriers, that which orders least. */
export const LINES: readonly Line[] = [
  line('ISB', 'barrier', isb),
  line('DSB ISHST', 'barrier', (cpu) => dsb(cpu, 'ishst')),
  line('DSB NSH', 'barrier', (cpu) => dsb(cpu, 'nsh')),
  line('DSB ISH', 'barrier', (cpu) => dsb(cpu, 'ish')),
  line('DSB ISHST; ISB', 'barrier', function* (cpu) {
    yield* dsb(cpu, 'ishst');
    yield* isb(cpu);
  }),
  line('TLBI VMALLE1; DSB NSH; ISB', 'tlbi', function* (cpu) {
    yield* tlbi(cpu, 'vmalle1');
    yield* dsb(cpu, 'nsh');
    yield* isb(cpu);
  }),
  line('TLBI VMALLE1IS; DSB ISH; ISB', 'tlbi', function* (cpu) {
    yield* tlbi(cpu, 'vmalle1is');
    yield* dsb(cpu, 'ish');
    yield* isb(cpu);
  }),
  {
    ...line('MSR TTBR1_EL1, reserved_pg_dir; ISB; TLBI VMALLE1; DSB NSH; ISB', 'register', function* (cpu, k) {
      yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.reservedPgDir));
      yield* isb(cpu);
      yield* localFlushTlbAll(cpu);
    }),
    undo: line('MSR TTBR1_EL1, swapper_pg_dir; ISB', 'register', function* (cpu, k) {
      yield* msr(cpu, 'TTBR1_EL1', ttbr(k.symbols.swapperPgDir));
      yield* isb(cpu);
    }),
  },
  ...COUNTERS.map(untilCounted),
  ...MARKS.filter((mark) => !AFTERWARDS.includes(mark)).map(untilMarked),
];

function line(text: string, cost: Cost, op: (cpu: Cpu, k: Kernel) => Op): Line {
  return { text, cost, waits: cost === 'wait', op };
}

/** A wait until every CPU that is online has counted itself. */
function untilCounted(variable: Variable): Line {
  return line(`smp_cond_load_acquire(&${variable}, VAL == num_online_cpus())`, 'wait', function* (cpu, k) {
    letGo(cpu);
    const { variables } = k.symbols;
    const online = yield* load(cpu, variables.num_online_cpus);
    for (let seen = -1n; seen !== online; ) {
      seen = yield* load(cpu, variables[variable]);
      if (seen !== online) yield* relaxWhile(cpu, variables[variable], seen, `${variable} to reach ${online}`);
    }
  });
}

/** A wait until every other CPU of the board has come to a milestone. What holds a CPU up ends where somebody waits for it. */
function untilMarked(mark: Mark): Line {
  return line(`wait until every other CPU is at ${mark}`, 'wait', function* (cpu, k) {
    letGo(cpu);
    const { control } = cpu.memory;
    const word = (control.byteOffset >> 2) + CONTROL_MARKS;
    while (!haveMarked(cpu, k, MARK[mark])) yield* waitForWord(cpu, word, control[CONTROL_MARKS]!, `others at ${mark}`);
  });
}

function haveMarked(cpu: Cpu, { board }: Kernel, mark: number): boolean {
  const there = new Set(marksSince(cpu.markLog, 0).marks.flatMap((one) => (one.mark === mark ? [one.cpu] : [])));
  return board.cpus.every((_, id) => id === cpu.id || there.has(id));
}
