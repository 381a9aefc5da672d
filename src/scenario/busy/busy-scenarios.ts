import { execmem } from '../execmem/execmem.ts';
import { ableThree } from '../hotplug/able-pair.ts';
import { cpuHotplug } from '../hotplug/cpu-hotplug.ts';
import { debugPagealloc } from '../hotplug/debug-pagealloc.ts';
import { kfence } from '../hotplug/kfence.ts';
import { memoryHotplugBusy } from '../hotplug/memory-hotplug.ts';
import { ptdump } from '../ptdump/ptdump.ts';
import { ptdumpPud } from '../ptdump/ptdump-others.ts';
import type { Scenario } from '../scenario.ts';
import { realmShare } from '../split/realm-share.ts';
import { splitWhole } from '../split/split-whole.ts';
import { contpte } from '../user/contpte.ts';
import { setMemoryBusy } from '../vmalloc/set-memory.ts';
import { busy } from './busy.ts';

/** Stories whose functions nothing else interrupts, or in which nobody else changes page tables. */
export const busyScenarios: readonly Scenario[] = [
  busy(splitWhole),
  busy(realmShare),
  busy(kfence, { board: ableThree }),
  busy(execmem, {}, { strikes: 200, times: 16 }),
  busy(ptdump),
  busy(ptdumpPud, { name: 'ptdump/pud-busy' }),
  busy(debugPagealloc, { board: ableThree }),
  setMemoryBusy,
  memoryHotplugBusy,
  busy(cpuHotplug),
  busy(contpte),
];
