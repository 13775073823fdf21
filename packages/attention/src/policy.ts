import { checkFields, describeValue } from "@spaattn/core";

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

/** Checks a share, or a list of one per head. Throws a TypeError or RangeError that names `path`. */
export function checkShare(path: string, value: unknown): void {
  if (Array.isArray(value)) {
    if (value.length === 0) throw new RangeError(`${path} must list one value per head, got []`);
    for (const [i, x] of value.entries()) oneShare(`${path}[${i}]`, x);
  } else oneShare(path, value);
}

function oneShare(path: string, value: unknown): void {
  if (typeof value !== "number")
    throw new TypeError(`${path} must be a number between 0 and 1, or one per head, got ${describeValue(value)}`);
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${path} must be between 0 and 1, got ${describeValue(value)}`);
}

function checkAs(path: string, value: unknown): void {
  if (value !== "sink" && value !== "dense")
    throw new RangeError(`${path} must be "sink" or "dense", got ${describeValue(value)}`);
}

function checkBlocks(path: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${path} must be a list of blocks, got ${describeValue(value)}`);
  for (const [i, block] of value.entries())
    if (!Number.isInteger(block) || block < 0)
      throw new RangeError(`${path}[${i}] must be the number of a block, got ${describeValue(block)}`);
}

function checkUnion(path: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${path} must be a list of policies, got ${describeValue(value)}`);
  if (value.length === 0) throw new RangeError(`${path} must list at least one policy, got []`);
  for (const [i, part] of value.entries()) checkPolicy(`${path}[${i}]`, part);
}

function checkSelect(path: string, value: unknown): void {
  if (typeof value !== "function") throw new TypeError(`${path} must be a function, got ${describeValue(value)}`);
}

/** The fields of each kind besides `kind`, with what they must be. */
const KINDS: Readonly<Record<Policy["kind"], Readonly<Record<string, (path: string, value: unknown) => void>>>> = {
  topBlocks: { dropRate: checkShare },
  coverMass: { mass: checkShare },
  neighbours: {},
  firstFrame: { as: checkAs },
  always: { blocks: checkBlocks },
  union: { of: checkUnion },
  host: { select: checkSelect },
};

/**
 * Checks a policy as a tree of plain data, wherever it came from: constructors, JSON, hand.
 *
 * @throws TypeError or RangeError that names the field by its path and its value.
 */
export function checkPolicy(path: string, policy: unknown): asserts policy is Policy {
  if (typeof policy !== "object" || policy === null || Array.isArray(policy))
    throw new TypeError(`${path} must be a policy such as topBlocks({ dropRate: 0.8 }), got ${describeValue(policy)}`);
  const { kind } = policy as { kind?: unknown };
  if (typeof kind !== "string" || !Object.hasOwn(KINDS, kind))
    throw new RangeError(`${path}.kind must be ${Object.keys(KINDS).join(" or ")}, got ${describeValue(kind)}`);
  const fields = KINDS[kind as Policy["kind"]];
  checkFields(path, policy, ["kind", ...Object.keys(fields)]);
  for (const [name, check] of Object.entries(fields))
    check(`${path}.${name}`, (policy as unknown as Record<string, unknown>)[name]);
}

/** The `trunc((1 - dropRate) * n)` highest ranked blocks of every row; one rate, or one per head. */
export function topBlocks(options: { dropRate: number | readonly number[] }): Policy {
  checkFields("topBlocks() options", options, ["dropRate"]);
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
export const firstFrame = (as: "sink" | "dense" = "sink"): Policy => checked({ kind: "firstFrame", as });

/** These visual key blocks, for every row. */
export const always = (blocks: readonly number[]): Policy =>
  checked({ kind: "always", blocks: Array.isArray(blocks) ? [...blocks] : blocks });

/** All blocks that any of the policies selects. */
export const union = (...of: readonly Policy[]): Policy => checked({ kind: "union", of });

/** A function on the host that chooses; costs a read-back per run and cannot be recorded into a command encoder. */
export const hostPolicy = (select: HostSelect): Policy => checked({ kind: "host", select });

function checked(policy: Policy): Policy {
  checkPolicy(`${policy.kind}()`, policy);
  return policy;
}
