import { busyScenarios } from './busy/busy-scenarios.ts';
import { execmem } from './execmem/execmem.ts';
import { collapseBesideWalk, execmemPair } from './execmem/execmem-pair.ts';
import { execmemMixed, execmemPageMapped, execmemTwins } from './execmem/execmem-twins.ts';
import { hibernate } from './hibernate/hibernate.ts';
import { hibernateTwins } from './hibernate/hibernate-twins.ts';
import { cpuHotplug, cpuHotplugTwins } from './hotplug/cpu-hotplug.ts';
import { cpuReturnsScenarios } from './hotplug/cpu-returns.ts';
import { debugPagealloc, innerLeaveDefers, noPteIsb } from './hotplug/debug-pagealloc.ts';
import { kfence, kfenceTwins } from './hotplug/kfence.ts';
import { memoryHotplug, memoryHotplugTwins } from './hotplug/memory-hotplug.ts';
import { offlineRepaint, offlineRepaintTwins } from './hotplug/offline-repaint.ts';
import { ghesScenarios } from './interrupts/ghes.ts';
import { interruptedContpteScenarios } from './interrupts/interrupted-contpte.ts';
import { interruptedRepaint, interruptsOnInIdmap } from './interrupts/interrupted-repaint.ts';
import { interruptedSplit, interruptedSplitTwins } from './interrupts/interrupted-split.ts';
import { interruptedVmapScenarios } from './interrupts/interrupted-vmap.ts';
import { hotRemoveScenarios } from './ptdump/hot-remove.ts';
import { ptdump } from './ptdump/ptdump.ts';
import { ptdumpHarmless } from './ptdump/ptdump-harmless.ts';
import { ptdumpOthers } from './ptdump/ptdump-others.ts';
import { ptdumpTwins } from './ptdump/ptdump-twins.ts';
import { idRegisterIgnored, idRegisterTrusted } from './repaint/id-register.ts';
import { lateCpu, lateCpuAdmitted } from './repaint/late-cpu.ts';
import { heldUpCpu, preemptRt, repaint, twins } from './repaint/repaint.ts';
import { textAliasNotFlushed } from './repaint/text-alias.ts';
import type { Scenario } from './scenario.ts';
import { early, earlyAlone, earlyTwins, realm } from './split/early.ts';
import { pagesOnly, pagesOnlyTwins } from './split/pages-only.ts';
import { realmShare, realmShareTwins } from './split/realm-share.ts';
import { splitLeaf, splitTwins } from './split/split.ts';
import { splitRange, splitRangeTwins } from './split/split-range.ts';
import { splitNotLazy, splitWhole } from './split/split-whole.ts';
import { validity, validityTwins, validityWithKpti } from './split/validity.ts';
import { asidNotFlushed, asidReuse } from './user/asid-reuse.ts';
import { contpte, contpteTwins, contpteWithoutBbml2 } from './user/contpte.ts';
import { hugePageProtected, rangeNotInStrides } from './user/huge-page.ts';
import { processAfterRepaint, processTwins } from './user/process-after-repaint.ts';
import { setMemory } from './vmalloc/set-memory.ts';
import { setMemoryTwins } from './vmalloc/set-memory-twins.ts';
import { vmallocInTurns, vmallocTwins } from './vmalloc/vmalloc.ts';

/** Every scenario that comes with asymmu, good ones and bad twins side by side. */
export const catalogue: readonly Scenario[] = [
  repaint,
  heldUpCpu,
  preemptRt,
  ...twins,
  textAliasNotFlushed,
  lateCpu,
  lateCpuAdmitted,
  splitLeaf,
  idRegisterIgnored,
  idRegisterTrusted,
  ...splitTwins,
  validity,
  validityWithKpti,
  ...validityTwins,
  splitRange,
  ...splitRangeTwins,
  splitWhole,
  splitNotLazy,
  pagesOnly,
  ...pagesOnlyTwins,
  early,
  earlyAlone,
  realm,
  ...earlyTwins,
  realmShare,
  ...realmShareTwins,
  kfence,
  ...kfenceTwins,
  execmem,
  execmemMixed,
  execmemPageMapped,
  execmemPair,
  collapseBesideWalk,
  ...execmemTwins,
  contpte,
  contpteWithoutBbml2,
  ...contpteTwins,
  ptdump,
  ...ptdumpHarmless,
  ...ptdumpTwins,
  ...hotRemoveScenarios,
  ...ptdumpOthers,
  vmallocInTurns,
  ...vmallocTwins,
  debugPagealloc,
  innerLeaveDefers,
  noPteIsb,
  processAfterRepaint,
  ...processTwins,
  asidReuse,
  asidNotFlushed,
  hugePageProtected,
  rangeNotInStrides,
  setMemory,
  ...setMemoryTwins,
  memoryHotplug,
  ...memoryHotplugTwins,
  cpuHotplug,
  ...cpuHotplugTwins,
  ...cpuReturnsScenarios,
  offlineRepaint,
  ...offlineRepaintTwins,
  hibernate,
  ...hibernateTwins,
  interruptedRepaint,
  interruptsOnInIdmap,
  interruptedSplit,
  ...interruptedSplitTwins,
  ...interruptedVmapScenarios,
  ...interruptedContpteScenarios,
  ...ghesScenarios,
  ...busyScenarios,
];

export function scenarioNamed(name: string): Scenario | undefined {
  return catalogue.find((scenario) => scenario.name === name);
}
