/**
 * Which blocks to compute, as plain data that runs on the device.
 *
 * `topBlocks` and `coverMass` rank the blocks of a row and keep a prefix; the others add blocks without ranking.
 * A `host` policy is the slow way out: the ranking scores are read back and a function chooses.
 */
export type Policy =
  | { readonly kind: "topBlocks"; readonly dropRate: number | readonly number[] }
  | { readonly kind: "coverMass"; readonly mass: number | readonly number[] }
  | { readonly kind: "neighbours" }
  | { readonly kind: "firstFrame"; readonly as: "sink" | "dense" }
  | { readonly kind: "always"; readonly blocks: readonly number[] }
  | { readonly kind: "union"; readonly of: readonly Policy[] }
  | { readonly kind: "host"; readonly select: HostSelect };

/** One row of blocks, as a host policy sees it. */
export interface HostRow {
  readonly batch: number;
  readonly head: number;
  /** The query block. */
  readonly block: number;
  /** `[n]`: block probabilities (`rectify: "none" | "paper"`) or estimated squared errors (`"tail"`). */
  readonly scores: Float32Array;
}

/** Returns the visual key blocks to compute for one row. */
export type HostSelect = (row: HostRow) => Iterable<number>;

const checkShare = (name: string, value: number | readonly number[]) => {
  for (const x of typeof value === "number" ? [value] : value)
    if (!(x >= 0 && x <= 1)) throw new RangeError(`${name} must be between 0 and 1, got ${x}`);
};

/** The `trunc((1 - dropRate) * n)` highest ranked blocks of every row; one rate, or one per head. */
export function topBlocks(options: { dropRate: number | readonly number[] }): Policy {
  checkShare("dropRate", options.dropRate);
  return { kind: "topBlocks", dropRate: options.dropRate };
}

/** The fewest highest ranked blocks whose probability exceeds `mass` (the paper's p); one value, or one per head. */
export function coverMass(mass: number | readonly number[]): Policy {
  checkShare("coverMass", mass);
  return { kind: "coverMass", mass };
}

/** Blocks that touch the query block on the token grid. Needs `spec.layout`. */
export const neighbours = (): Policy => ({ kind: "neighbours" });

/**
 * Blocks that hold tokens of frame 0: as a sink for every row, or `dense` (their own rows see everything as well).
 * Needs `spec.layout`. With `behaviour: "reference"` the literal rule of the original (algorithm.md 8.1 no. 1).
 */
export const firstFrame = (as: "sink" | "dense" = "sink"): Policy => ({ kind: "firstFrame", as });

/** These visual key blocks, for every row. */
export const always = (blocks: readonly number[]): Policy => ({ kind: "always", blocks: [...blocks] });

/** All blocks that any of the policies selects. */
export const union = (...of: readonly Policy[]): Policy => ({ kind: "union", of });

/** A function on the host that chooses; costs a read-back per run and cannot be recorded into a command encoder. */
export const hostPolicy = (select: HostSelect): Policy => ({ kind: "host", select });
