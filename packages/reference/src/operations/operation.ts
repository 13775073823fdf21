import type { OperationName, Operations, RunOptions, TensorSpec } from "@spaattn/core";
import type { Operand } from "../operand.js";

/** One operation of a plan with what it reads, and the shapes of what it gives. */
export interface Call<N extends OperationName> {
  readonly attrs: Operations[N];
  readonly in: Readonly<Record<string, Operand>>;
  readonly out: Readonly<Record<string, TensorSpec>>;
  /** To be called (and awaited, where it gives a promise) in long loops with the share done. */
  readonly pace: (done: number) => Promise<void> | undefined;
  /** The same for parts that run as a program of their own. */
  readonly options: RunOptions;
}

export type Results = Readonly<Record<string, Float64Array>>;

/** How the oracle computes an operation: every result whole, in float64, in an array of its own. */
export type Compute<N extends OperationName> = (call: Call<N>) => Results | Promise<Results>;
