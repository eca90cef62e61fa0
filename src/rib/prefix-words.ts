/** The words that a family's RIB keeps in each prefix row, behind the prefix itself. */
/** The first path of the prefix; 0 when there is none. */
export const FIRST = 0;
/** The best path; 0 when none is usable. */
export const BEST = 1;
/** The queue of changes is linked through it. */
export const QUEUED = 2;
/** Holders from outside: update groups, FIB, whoever took the row from the queue. */
export const HOLDS = 3;
export const PREFIX_WORDS = 4;
