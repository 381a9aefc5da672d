import { asidNotFlushed, asidReuse } from './asid-reuse.ts';
import { pagesOnly, pagesOnlyTwins } from './contiguous-map.ts';
import { contpte, contpteTwins, contpteWithoutBbml2 } from './contpte.ts';
import { cpuHotplug, cpuHotplugTwins } from './cpu-hotplug.ts';
import { debugPagealloc, innerLeaveDefers } from './debug-pagealloc.ts';
import { early, earlyAlone, earlyTwins, realm } from './early.ts';
import { execmem } from './execmem.ts';
import { collapseBesideWalk, execmemPair } from './execmem-pair.ts';
import { execmemMixed, execmemPageMapped, execmemTwins } from './execmem-twins.ts';
import { hotRemoveScenarios } from './hot-remove.ts';
import { idRegisterIgnored, idRegisterTrusted } from './id-register.ts';
import { kfence, kfenceTwins } from './kfence.ts';
import { lateCpu, lateCpuAdmitted } from './late-cpu.ts';
import { memoryHotplug, memoryHotplugTwins } from './memory-hotplug.ts';
import { ptdump } from './ptdump.ts';
import { ptdumpHarmless } from './ptdump-harmless.ts';
import { ptdumpTwins } from './ptdump-twins.ts';
import { heldUpCpu, preemptRt, repaint, twins } from './repaint.ts';
import type { Scenario } from './scenario.ts';
import { setMemory } from './set-memory.ts';
import { setMemoryTwins } from './set-memory-twins.ts';
import { splitLeaf, splitTwins } from './split.ts';
import { splitRange, splitRangeTwins } from './split-range.ts';
import { splitNotLazy, splitWhole } from './split-whole.ts';
import { validity, validityTwins, validityWithKpti } from './validity.ts';
import { vmallocInTurns, vmallocTwins } from './vmalloc.ts';

/** Every scenario that comes with asymmu, good ones and bad twins side by side. */
export const catalogue: readonly Scenario[] = [
  repaint,
  heldUpCpu,
  preemptRt,
  ...twins,
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
  vmallocInTurns,
  ...vmallocTwins,
  debugPagealloc,
  innerLeaveDefers,
  asidReuse,
  asidNotFlushed,
  setMemory,
  ...setMemoryTwins,
  memoryHotplug,
  ...memoryHotplugTwins,
  cpuHotplug,
  ...cpuHotplugTwins,
];

export function scenarioNamed(name: string): Scenario | undefined {
  return catalogue.find((scenario) => scenario.name === name);
}
