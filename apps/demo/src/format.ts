/** Numbers as the page writes them. */
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

export const decibels = (value: number | null): string => (value === null ? "exact" : `${value.toFixed(1)} dB`);

export const times = (ratio: number): string => `${ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;

export const milliseconds = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;

export const count = (value: number): string => value.toLocaleString("en");

/** Names of the modes, the same everywhere. */
export const MODE_NAMES = {
  dense: "Dense",
  none: "Plain sparse",
  paper: "Paper",
  tail: "Tail",
  levels: "Levels",
} as const;

export const MODE_NOTES = {
  dense: "every block computed: the truth",
  none: "skipped blocks count for nothing",
  paper: "Rectified SpaAttn: rescaled, means added",
  tail: "four summaries per skipped block",
  levels: "one to 32 summaries, or every token of a block",
} as const;
