import { EXACT } from "./tree.js";

/** What can be done about a pair of blocks: a level, or `EXACT`; and what it costs, in 1/B of an exact block. */
export interface Option {
  readonly choice: number;
  readonly cost: number;
}

/** The options of a pair by ascending cost, exact last. */
export const optionsOf = (levels: readonly number[], blockSize: number): Option[] => [
  ...[...levels].sort((a, b) => a - b).map((level) => ({ choice: level, cost: 2 ** level })),
  { choice: EXACT, cost: blockSize },
];

/** The expected errors of one head's pairs. */
export interface HeadErrors {
  /** `[L + 1, n, n]` Ê */
  readonly error: ArrayLike<number>;
  /** `[n, n]`: pairs that are attended exactly whatever their error; absent: the own blocks alone */
  readonly forced?: Uint8Array | undefined;
  /** Ê is divided by this; 1 weighs heads by the size of their outputs (levels.md section 9 no. 6). */
  readonly unit: number;
}

export interface ChoiceShape {
  /** n */
  readonly blocks: number;
  /** B */
  readonly blockSize: number;
  /** The levels to choose from. */
  readonly levels: readonly number[];
}

/** The own block is always exact (levels.md section 9 no. 5). */
export const isForced = ({ forced }: HeadErrors, i: number, j: number, blocks: number): boolean =>
  i === j || forced?.[i * blocks + j] === 1;

/** Ê of an option for a pair. */
export const errorOf = (
  { error, unit }: HeadErrors,
  { choice }: Option,
  i: number,
  j: number,
  blocks: number,
): number => (choice === EXACT ? 0 : error[(choice * blocks + i) * blocks + j] / unit);
