/** What the exit status says; part of the interface. */
export const EXIT = {
  fine: 0,
  failure: 1,
  usage: 2,
  backendUnavailable: 3,
  mismatch: 4,
  /** The work was done, but its result or its input holds NaN or infinities. */
  notFinite: 5,
  /** 128 + SIGINT, as shells count. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
