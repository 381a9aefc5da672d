import type { Scenario } from './scenario.ts';

/** A bug of the catalogue: a mistake that somebody made, or nearly made, in the protocols that asymmu acts out. */
export interface Bug {
  /** Short, as the command line takes it: what is wrong. */
  readonly name: string;
  /** What goes wrong, and when: one sentence. */
  readonly wrong: string;
  /** The commit, report or review that tells of it. */
  readonly source: string;
  /** Kernels that have it; 'never merged' for what review caught. */
  readonly revision: string;
  /** What was done about it. */
  readonly fix: string;
  readonly act: Acted | NotActed;
}

/** It can be seen here. */
export interface Acted {
  /** The scenario in which it happens; its `expect` names the property that catches it. */
  readonly bad: Scenario;
  /** The same with the fix: violates nothing. */
  readonly fixed: Scenario;
  /** Where a run has to begin for it to happen; by default where all CPUs are up. */
  readonly from?: 'power-on';
}

/** It cannot. */
export interface NotActed {
  readonly why: string;
}
