/**
 * The kernel's locks, each a class of its own, by the names lockdep gives them. Linux: the files named.
 *
 * A `spinlock` disables preemption, but under PREEMPT_RT it sleeps; a `raw_spinlock` never does. A `mutex` and an `rwsem`
 * always may.
 */
export const LOCK_CLASSES = {
  'init_mm.page_table_lock': 'spinlock', // mm/init-mm.c
  'mm->page_table_lock': 'spinlock', // kernel/fork.c: of each user mm its own
  'init_mm.mmap_lock': 'rwsem', // mm/init-mm.c
  free_vmap_area_lock: 'spinlock', // mm/vmalloc.c
  'vn->busy.lock': 'spinlock', // mm/vmalloc.c: struct vmap_node, since 6.9
  'vn->lazy.lock': 'spinlock', // mm/vmalloc.c
  vmap_purge_lock: 'mutex', // mm/vmalloc.c
  swapper_pgdir_lock: 'spinlock', // arch/arm64/mm/mmu.c
  fixmap_lock: 'mutex', // arch/arm64/mm/mmu.c
  pgtable_split_lock: 'mutex', // arch/arm64/mm/mmu.c, since 6.18
  patch_lock: 'raw_spinlock', // arch/arm64/kernel/patching.c
  text_mutex: 'mutex', // kernel/extable.c
  jump_label_mutex: 'mutex', // kernel/jump_label.c
  cpu_hotplug_lock: 'rwsem', // kernel/cpu.c: a percpu_rw_semaphore
  mem_hotplug_lock: 'rwsem', // mm/memory_hotplug.c: a percpu_rw_semaphore
  stop_cpus_mutex: 'mutex', // kernel/stop_machine.c
  'execmem_cache.mutex': 'mutex', // mm/execmem.c
} as const satisfies Record<string, LockKind>;

export type LockKind = 'spinlock' | 'raw_spinlock' | 'mutex' | 'rwsem';
export type LockName = keyof typeof LOCK_CLASSES;
/** The names of the locks of one kind. */
export type LocksOf<Kind extends LockKind> = {
  [Name in LockName]: (typeof LOCK_CLASSES)[Name] extends Kind ? Name : never;
}[LockName];

/** By number: a class travels as its place in this list. */
export const LOCK_NAMES = Object.keys(LOCK_CLASSES) as readonly LockName[];
