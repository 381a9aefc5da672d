import { CPU_HOTPLUG_6_18 } from './boot/cpu-hotplug.ts';
import { cpuSupportsBbml2Noabort, verifyLocalCpuCaps } from './boot/cpufeature.ts';
import { EARLY } from './boot/early.ts';
import { STOP_MACHINE_6_18 } from './boot/stop-machine.ts';
import { HISTORY, isSince, type Revision } from './config.ts';
import { EXECMEM_6_18, EXECMEM_ROX_RFC } from './execmem/execmem.ts';
import { RESUME_6_18 } from './hibernate/resume.ts';
import { SNAPSHOT_6_18 } from './hibernate/snapshot.ts';
import type { KernelText } from './kernel.ts';
import { COLLAPSE_ROX_RFC } from './linear-map/collapse.ts';
import { LINEAR_MAP_6_18 } from './linear-map/linear-map.ts';
import { MEMORY_HOTPLUG_6_18, MEMORY_HOTPLUG_7_1 } from './linear-map/memory-hotplug.ts';
import { PAGEATTR_6_18, PAGEATTR_7_1 } from './linear-map/pageattr.ts';
import { REALM_6_18 } from './linear-map/realm.ts';
import { SPLIT_6_18, SPLIT_7_1, SPLIT_POSTED, SPLIT_ROX_RFC } from './linear-map/split-leaf.ts';
import { TRANS_PGD_6_18 } from './linear-map/trans-pgd.ts';
import { PATCHING_6_18 } from './ptdump/patching.ts';
import { PTDUMP_6_18 } from './ptdump/ptdump-walk.ts';
import { REPAINT_6_18 } from './repaint/repaint.ts';
import { REPAINT_V4, REPAINT_V5 } from './repaint/repaint-posted.ts';
import { LAZY_MMU_6_18, LAZY_MMU_7_1 } from './tables/lazy-mmu.ts';
import { TABLE_FREE_6_18 } from './tables/table-free.ts';
import { CONTPTE_6_18 } from './user/contpte.ts';
import { MM_6_18 } from './user/mm.ts';
import { USER_TLBFLUSH_6_18 } from './user/user-tlbflush.ts';
import { KPROBES_6_18 } from './vmalloc/kprobes.ts';
import { SET_MEMORY_6_18, SET_MEMORY_6_19, SET_MEMORY_ROX_RFC } from './vmalloc/set-memory.ts';
import { VMALLOC_6_18 } from './vmalloc/vmalloc.ts';

/** The text of the series as posted in May 2025, v4; of what it did not touch, the oldest that there is here. */
const V4: KernelText = {
  repaint: REPAINT_V4,
  split: SPLIT_POSTED,
  pageattr: PAGEATTR_6_18,
  realm: REALM_6_18,
  transPgd: TRANS_PGD_6_18,
  snapshot: SNAPSHOT_6_18,
  resume: RESUME_6_18,
  tableFree: TABLE_FREE_6_18,
  lazyMmu: LAZY_MMU_6_18,
  stopMachine: STOP_MACHINE_6_18,
  cpuHotplug: CPU_HOTPLUG_6_18,
  memoryHotplug: MEMORY_HOTPLUG_6_18,
  linearMap: LINEAR_MAP_6_18,
  early: EARLY,
  vmalloc: VMALLOC_6_18,
  setMemory: SET_MEMORY_6_18,
  kprobes: KPROBES_6_18,
  mm: MM_6_18,
  userTlbflush: USER_TLBFLUSH_6_18,
  contpte: CONTPTE_6_18,
  execmem: EXECMEM_6_18,
  collapse: COLLAPSE_ROX_RFC,
  patching: PATCHING_6_18,
  ptdump: PTDUMP_6_18,
  cpuSupportsBbml2Noabort,
  verifyLocalCpuCaps,
};

/** What each revision has otherwise than the one that it stands on. */
const CAME_WITH: Readonly<Record<Revision, Partial<KernelText>>> = {
  v4: {},
  v5: { repaint: REPAINT_V5 },
  '6.18': { repaint: REPAINT_6_18, split: SPLIT_6_18 },
  '7.1': {
    split: SPLIT_7_1,
    pageattr: PAGEATTR_7_1,
    lazyMmu: LAZY_MMU_7_1,
    memoryHotplug: MEMORY_HOTPLUG_7_1,
    setMemory: SET_MEMORY_6_19,
  },
  'rox-rfc': { split: SPLIT_ROX_RFC, setMemory: SET_MEMORY_ROX_RFC, execmem: EXECMEM_ROX_RFC },
  '7.3': {},
};

/** The good text of each revision. */
export function kernelText(revision: Revision): KernelText {
  const standsOn = HISTORY.filter((one) => one === revision || (one !== 'rox-rfc' && isSince(revision, one)));
  return Object.assign({ ...V4 }, ...standsOn.map((one) => CAME_WITH[one]));
}
