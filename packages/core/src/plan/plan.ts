import type { HostTensor, TensorSpec } from "../tensor.js";

/**
 * The operations there are, by name, with the type of their attributes.
 *
 * Packages add operations by extending this map (`declare module "@spaattn/core" { interface Operations { ... } }`);
 * core knows none.
 */
// biome-ignore lint/suspicious/noEmptyInterface: open on purpose, see above.
export interface Operations {}

export type OperationName = keyof Operations & string;

/**
 * What a value is to the plan.
 *
 * - `input`, `output`: tensors of the caller, given for every run
 * - `weight`: a tensor of the caller known by name, the same in every run; a segment lists the ones it needs
 * - `state`: a tensor of the caller that the plan reads and then overwrites (the frames a causal convolution remembers)
 * - `constant`: data known when the plan is made
 * - `temporary`: lives inside a run; placement decides where
 */
export type Role = "input" | "output" | "weight" | "state" | "constant" | "temporary";

export interface PlanValue extends TensorSpec {
  readonly role: Role;
  /** A window of another value's elements: the same memory, row-major, `offset` elements in. Never of another view. */
  readonly view?: { readonly base: string; readonly offset: number };
}

/** What one operation costs: a multiplication and an addition count as two; bytes as if every tensor were touched once. */
export interface Cost {
  readonly flop: number;
  readonly bytes: number;
}

/** One operation and the values it reads and writes, by role. */
export interface PlanOperation<N extends OperationName = OperationName> {
  readonly op: N;
  readonly attrs: Operations[N];
  readonly in: Readonly<Record<string, string>>;
  readonly out: Readonly<Record<string, string>>;
  readonly cost: Cost;
}

/** A named run of operations ("step 12, block 7"): the unit of progress, cancelling and weight residency. */
export interface Segment {
  readonly name: string;
  /** Operations `[first, end)` of the plan. Segments do not overlap and stand in order. */
  readonly first: number;
  readonly end: number;
  /** Names of the weights its operations read. */
  readonly weights: readonly string[];
}

/**
 * Operations whose tokens may be processed in chunks that placement chooses: a feed-forward of 75,600 x 13,824 values
 * never has to exist whole.
 *
 * Values born inside are `[batch, tokens, ...]` and exist for one chunk at a time.
 */
export interface RowsRegion {
  readonly first: number;
  readonly end: number;
  readonly batch: number;
  readonly tokens: number;
  /** Values from outside, `[batch, tokens, ...]`, that are cut along their tokens; results of the region included. */
  readonly split: readonly string[];
  /** Values from outside, `[batch, ...]`, of which every batch item has a part of its own. */
  readonly perItem: readonly string[];
}

/** A straight line of operations with fixed shapes. Plain data: `JSON.stringify` prints it, constants by shape only. */
export interface Plan {
  readonly values: Readonly<Record<string, PlanValue>>;
  readonly operations: readonly PlanOperation[];
  readonly segments: readonly Segment[];
  readonly rows: readonly RowsRegion[];
  readonly constants: Readonly<Record<string, HostTensor>>;
}

/** Names of the values that the caller binds. */
export const boundNames = (plan: Plan): string[] =>
  Object.keys(plan.values).filter((name) => {
    const { role, view } = plan.values[name];
    return !view && (role === "input" || role === "output" || role === "weight" || role === "state");
  });
