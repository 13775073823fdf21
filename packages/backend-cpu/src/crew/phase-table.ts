/*
 * The table of a sequence: eight words per phase. Threads take units by raising `NEXT`, count them off in `DONE`, and go
 * on to the next phase when all are done; the thread that ends a phase notes the time.
 */
export const PHASE_WORDS = 8;
export const OP = 0;
export const JOB = 1;
export const UNITS = 2;
export const NEXT = 3;
export const DONE = 4;
/** f64: milliseconds since the epoch. */
export const ENDED = 6;

export const now = (): number => performance.timeOrigin + performance.now();
