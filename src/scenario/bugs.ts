import type { Bug } from './bug.ts';
import { contpteBugs } from './contpte-bugs.ts';
import { execmemBugs } from './execmem-bugs.ts';
import { hotplugBugs } from './hotplug-bugs.ts';
import { idRegisterBugs } from './id-register.ts';
import { ptdumpBugs } from './ptdump-bugs.ts';
import { repaintBugs } from './repaint-bugs.ts';
import { splitBugs } from './split-bugs.ts';
import { vmallocBugs } from './vmalloc-bugs.ts';

/** Every bug that is known, those that can be acted out and those that cannot. */
export const bugs: readonly Bug[] = [
  ...repaintBugs,
  ...contpteBugs,
  ...idRegisterBugs,
  ...splitBugs,
  ...vmallocBugs,
  ...hotplugBugs,
  ...execmemBugs,
  ...ptdumpBugs,
];

export function bugNamed(name: string): Bug | undefined {
  return bugs.find((bug) => bug.name === name);
}
