import { bugNamed } from '../../src/scenario/bugs.ts';
import { type Hunt, type HuntPlan, hunt } from './bug-hunt.ts';

/** A worker of the pool: hunts one bug after the other. */

export interface HuntTask {
  readonly name: string;
  readonly plan: HuntPlan;
}

export default function huntBug({ name, plan }: HuntTask): Hunt {
  const bug = bugNamed(name);
  if (bug === undefined || !('bad' in bug.act)) throw new RangeError(`no bug to act out is called '${name}'`);
  return hunt(plan, bug.act.bad, bug.act.fixed);
}
