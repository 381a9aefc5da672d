import type { Bug } from './bug.ts';
import { contpteBugs } from './contpte-bugs.ts';
import { idRegisterBugs } from './id-register.ts';
import { repaintBugs } from './repaint-bugs.ts';

/** Every bug that is known, those that can be acted out and those that cannot. */
export const bugs: readonly Bug[] = [...repaintBugs, ...contpteBugs, ...idRegisterBugs];

export function bugNamed(name: string): Bug | undefined {
  return bugs.find((bug) => bug.name === name);
}
