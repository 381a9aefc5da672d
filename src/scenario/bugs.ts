import type { Bug } from './bug.ts';
import { execmemBugs } from './execmem/execmem-bugs.ts';
import { hibernateBugs } from './hibernate/hibernate-bugs.ts';
import { hotplugBugs } from './hotplug/hotplug-bugs.ts';
import { ptdumpBugs } from './ptdump/ptdump-bugs.ts';
import { idRegisterBugs } from './repaint/id-register.ts';
import { repaintBugs } from './repaint/repaint-bugs.ts';
import { splitBugs } from './split/split-bugs.ts';
import { contpteBugs } from './user/contpte-bugs.ts';
import { vmallocBugs } from './vmalloc/vmalloc-bugs.ts';

/** Every bug that is known, those that can be acted out and those that cannot. */
export const bugs: readonly Bug[] = [
  ...repaintBugs,
  ...contpteBugs,
  ...idRegisterBugs,
  ...splitBugs,
  ...vmallocBugs,
  ...hotplugBugs,
  ...hibernateBugs,
  ...execmemBugs,
  ...ptdumpBugs,
];

export function bugNamed(name: string): Bug | undefined {
  return bugs.find((bug) => bug.name === name);
}
