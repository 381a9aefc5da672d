/** Who ends a wait, as Linux 6.18 has it; by how the wait is named. */
const WAKERS: readonly (readonly [RegExp, string])[] = [
  [
    /^the repaint flag to reach /,
    'each CPU that parks counts itself into idmap_kpti_bbml2_flag, in wait_linear_map_split_to_ptes(), arch/arm64/mm/proc.S; init_idmap_kpti_bbml2_flag() starts it at 1, for the boot CPU',
  ],
  [
    /^the boot CPU to clear the repaint flag$/,
    'the boot CPU clears idmap_kpti_bbml2_flag once it has split and flushed, in linear_map_split_to_ptes()',
  ],
  [/^stop_machine: state /, 'the last CPU to acknowledge a state sets the next, in ack_state(), kernel/stop_machine.c'],
  [/^stop_machine: the other/, 'each CPU that leaves signs off, in cpu_stop_signal_done(), kernel/stop_machine.c'],
  [
    /^lock \S+, held by /,
    'who holds it gives it back, by the spin_unlock(), mutex_unlock(), up_read() or up_write() that pairs with its lock',
  ],
  [/^CPU \d+ to come online$/, 'a CPU that comes up says so, by complete(&cpu_running) in secondary_start_kernel()'],
  [/^process \d+ to be there$/, 'who makes a process lets others find it, by list_add() to init_mm.mmlist (copy_mm())'],
  [/^mm_users to reach 0$/, 'each process that ends gives the mm back, by mmput() in exit_mm()'],
  [/^CPU \d+ to be off$/, 'a CPU that was refused powers itself off, by PSCI CPU_OFF in cpu_die_early()'],
];

/** What has to happen for the wait to end; undefined for waits that are not the kernel's own. */
export function wakerOf(waitsFor: string): string | undefined {
  return WAKERS.find(([name]) => name.test(waitsFor))?.[1];
}

/** What keeps a wake-up from being lost between the look and the wait. */
export function lookAgain(sent: 'an interrupt' | 'a store'): string {
  return sent === 'an interrupt'
    ? 'interrupts masked from before the look until after the WFI, which returns when one is pending (6.18: do_idle(), kernel/sched/idle.c, looks at need_resched() behind local_irq_disable(), and so goes into cpu_do_idle())'
    : 'a look after whatever makes the CPU a sleeper that can be woken (6.18: ___wait_event(), include/linux/wait.h, looks at its condition after prepare_to_wait_event())';
}
