import fc from 'fast-check';
import { ENTRIES, type Instruction, type SmallProgram, type Twist, WORDS } from './small-program.ts';
import type { ThreadCpus } from './thread-cpus.ts';

/** Whether threads stay within what the exhaustive search lists. */

const word = fc.nat(WORDS - 1);
const entry = fc.nat(ENTRIES - 1);
const onWord: fc.Arbitrary<Instruction> = fc.record({
  does: fc.constantFrom('load', 'store', 'loadAdd', 'compareAndSwap'),
  word,
});
const onEntry: fc.Arbitrary<Instruction> = fc.record({ does: fc.constantFrom('loadEntry', 'storeEntry'), entry });
const barrier: fc.Arbitrary<Instruction> = fc.record({
  does: fc.constant('dsb'),
  barrier: fc.constantFrom('ish', 'ishst'),
});
const onPage: fc.Arbitrary<Instruction> = fc.record({ does: fc.constantFrom('loadPage', 'loadPage', 'remap', 'tlbi') });
const onFlag: fc.Arbitrary<Instruction> = fc.record({ does: fc.constantFrom('load', 'store'), word: fc.constant(0) });

const plain = fc.oneof({ weight: 3, arbitrary: onWord }, { weight: 4, arbitrary: onEntry }, barrier);
const paged = fc.oneof(
  { weight: 5, arbitrary: onPage },
  { weight: 2, arbitrary: barrier },
  { weight: 2, arbitrary: onFlag },
);

function cpus(count: number, each: fc.Arbitrary<Instruction>, most: number): fc.Arbitrary<SmallProgram> {
  return fc.array(fc.array(each, { minLength: Math.min(2, most), maxLength: most }), {
    minLength: count,
    maxLength: count,
  });
}

/** Small enough that the search comes to an end. */
export const anyProgram: fc.Arbitrary<SmallProgram> = fc.oneof(
  { weight: 2, arbitrary: cpus(2, plain, 4) },
  { weight: 1, arbitrary: cpus(3, plain, 2) },
  { weight: 2, arbitrary: cpus(2, paged, 4) },
);

/** Small enough that even each schedule can be run. */
export const tinyProgram: fc.Arbitrary<SmallProgram> = fc.oneof(
  cpus(2, plain, 2),
  cpus(2, onEntry, 3),
  cpus(2, paged, 2),
  cpus(3, plain, 1),
);

/** Schedules of a program after which its search is given up, and the program left out. */
const MOST_SCHEDULES = 700;

/** What many programs came to. */
export class Tally {
  programs = 0;
  /** Left out: their searches did not come to an end. */
  tooLarge = 0;
  listed = 0;
  reached = 0;

  toString(): string {
    return `${this.programs} programs (${this.tooLarge} more were too large); ${this.reached} of ${this.listed} outcomes came on threads`;
  }
}

/** Runs the program in so many rounds on threads. Answers the outcomes that the exhaustive search does not list. */
export async function unlisted(
  cpus: ThreadCpus,
  program: SmallProgram,
  rounds: number,
  twist: Twist,
  tally: Tally,
): Promise<string[]> {
  const { outcomes, finished } = await cpus.list({ program, mostSchedules: MOST_SCHEDULES });
  if (!finished) {
    tally.tooLarge++;
    return [];
  }
  const times = await cpus.run({ program, rounds, seed: tally.programs, twist });
  tally.programs++;
  tally.listed += outcomes.size;
  tally.reached += [...times.keys()].filter((outcome) => outcomes.has(outcome)).length;
  return [...times.keys()].filter((outcome) => !outcomes.has(outcome));
}

/** A property of small programs: threads stay within the list. */
export function threadsAgree(cpus: ThreadCpus, rounds: number, twist: Twist, tally: Tally) {
  return fc.asyncProperty(anyProgram, async (program) => {
    const strange = await unlisted(cpus, program, rounds, twist, tally);
    if (strange.length > 0) throw new Error(`threads came to ${strange.join(', ')}, which is not listed`);
  });
}
