import { read } from '../../hardware/memory/memory.ts';
import type { AtomicContext } from '../../hardware/observer.ts';
import { variablePa } from '../../kernel/kernel.ts';
import type { Property } from '../violation.ts';

/** Nothing that may sleep is called where nobody may, whether or not it has to sleep this time. Linux: might_resched(). */
export const context: Property = {
  name: 'context',
  says: 'nothing sleeps, nor takes a lock that sleeps under PREEMPT_RT, with preemption or interrupts disabled',
  mood: 'always',
  observe: ({ report, kernel }) => ({
    mightSleep(cpu, what, where) {
      const { preemptDisabledBy, irqsDisabledBy } = where;
      if (preemptDisabledBy.length === 0 && irqsDisabledBy === undefined) return;
      // SYSTEM_BOOTING: while there is nobody to schedule, nothing sleeps, and Linux does not ask.
      if (read(cpu.memory, variablePa(kernel, 'num_online_cpus')) === 0n) return;
      report(
        cpu,
        'context',
        `BUG: sleeping function called from invalid context: ${what} on CPU ${cpu.id} with ${causes(where).join(', and ')}`,
        [
          `in_atomic(): ${preemptDisabledBy.length > 0 ? 1 : 0}, irqs_disabled(): ${irqsDisabledBy === undefined ? 0 : 1}`,
          `preempt_count: ${preemptDisabledBy.length}, expected: 0`,
        ],
        remedyFor(what, where),
      );
    },
  }),
};

function causes({ preemptDisabledBy, irqsDisabledBy }: AtomicContext): string[] {
  return [
    ...(irqsDisabledBy === undefined ? [] : [`interrupts disabled by ${irqsDisabledBy}`]),
    ...(preemptDisabledBy.length === 0 ? [] : [`preemption disabled by ${preemptDisabledBy.join(', ')}`]),
  ];
}

function remedyFor(what: string, { preemptDisabledBy, irqsDisabledBy }: AtomicContext): string {
  if (what === ZONE_LOCK)
    return 'pages taken before the machine is stopped, or pagetable_alloc_nolock(), which may fail: under PREEMPT_RT GFP_ATOMIC sleeps on zone->lock';
  const outer = irqsDisabledBy ?? preemptDisabledBy.at(-1);
  return `${what} before ${outer}, or not at all: GFP_ATOMIC, a raw lock, or an early way out (split_kernel_leaf_mapping(), 6.18)`;
}

/** What GFP_ATOMIC comes to under PREEMPT_RT. */
const ZONE_LOCK = 'rt_spin_lock(&zone->lock)';
