/** What the command's end means to a script. */
export const EXIT_GOOD = 0;
export const EXIT_VIOLATED = 1;
/** Wrong usage, or a bad input file. */
export const EXIT_USAGE = 2;
/** The time or the number of runs was spent, or the user stopped it, without a verdict. */
export const EXIT_INCONCLUSIVE = 3;
/** A replay is no longer the run that its token was made of. */
export const EXIT_DIVERGED = 4;
export const EXIT_INTERNAL = 70;
