import type { FloatDType, HostTensor, Plan, TensorSpec, Value } from "@spaattn/core";
import { type BlockFormat, Builder, type LinearWeights, rowBytes } from "@spaattn/nn";
import { drawBlocks, drawNumbers, type Numbers } from "./numbers.js";

/** One case: a plan and the tensors it runs on, drawn for a dtype. */
export interface NetworkCase {
  readonly name: string;
  /** `small`: at most a few million multiplications. */
  readonly size: "small" | "large";
  /** Declares tensors and records operations; names its outputs. */
  readonly draw: (on: Drawing) => void;
  /** Runs in a row, each with its own inputs, on the same states; default 1. */
  readonly calls?: number;
  /** Errors are relative to the largest magnitude of their row instead of the tensor's: rows of very different sizes. */
  readonly perRow?: boolean;
  /** Factor of the tolerance, with the reason in a comment where it is not 1. */
  readonly looser?: number;
  /** Only for these dtypes; default all. */
  readonly dtypes?: readonly FloatDType[];
}

/** Collects what a case declares: a builder, and how to make the tensors it binds. */
export class Drawing {
  readonly g: Builder;
  readonly #weights = new Map<string, TensorSpec>();
  readonly #makers = new Map<string, { readonly fixed: boolean; readonly make: (seed: number) => HostTensor }>();

  constructor(readonly dtype: FloatDType) {
    this.g = new Builder({ dtype, weightSpec: (name) => this.#weights.get(name) });
  }

  input(name: string, shape: readonly number[], how: Numbers = {}): Value {
    const { dtype = this.dtype } = how;
    this.#maker(name, false, (seed) => drawNumbers(dtype, shape, how, seed));
    return this.g.input(name, dtype, shape);
  }

  state(name: string, shape: readonly number[], how: Numbers = {}): Value {
    const { dtype = this.dtype } = how;
    this.#maker(name, false, (seed) => drawNumbers(dtype, shape, how, seed));
    return this.g.state(name, dtype, shape);
  }

  /** Data known when the plan is made. */
  constant(shape: readonly number[], how: Numbers = {}): Value {
    return this.g.constant(drawNumbers(how.dtype ?? this.dtype, shape, how, 77));
  }

  weight(name: string, shape: readonly number[], how: Numbers = {}): Value {
    const { dtype = this.dtype } = how;
    this.#weights.set(name, { dtype, shape });
    this.#maker(name, true, (seed) => drawNumbers(dtype, shape, how, seed));
    return this.g.weight(name, shape);
  }

  /** A linear layer of outputs near 1 for inputs near 1. */
  linear(
    name: string,
    n: number,
    k: number,
    how: Numbers & { readonly bias?: boolean; readonly scaled?: "all" | "rows" } = {},
  ): LinearWeights {
    const { bias = true, scaled } = how;
    const scale = { dtype: "f32", scale: 0.1, mean: 0.5 } as const;
    return {
      weight: this.weight(`${name}.weight`, [n, k], { scale: k ** -0.5, ...how }),
      ...(bias ? { bias: this.weight(`${name}.bias`, [n], { scale: 0.5 }) } : {}),
      ...(scaled ? { scale: this.weight(`${name}.scale`, [scaled === "all" ? 1 : n], scale) } : {}),
    };
  }

  /** The same in blocks of a quantised format. */
  quantised(name: string, n: number, k: number, format: BlockFormat): LinearWeights {
    const spec = { dtype: "u8", shape: [n, rowBytes(format, k)] } as const;
    this.#weights.set(`${name}.weight`, spec);
    this.#maker(`${name}.weight`, true, (seed) => drawBlocks(format, n, k, seed));
    return { weight: this.g.weight(`${name}.weight`, spec.shape), bias: this.weight(`${name}.bias`, [n]), format };
  }

  output(name: string, value: Value): void {
    this.g.output(name, value);
  }

  build(): Plan {
    return this.g.build();
  }

  /** Inputs, states and weights by name; weights are the same for every seed. */
  tensors(seed: number): Record<string, HostTensor> {
    return Object.fromEntries(
      [...this.#makers].map(([name, { fixed, make }], i) => [name, make(1000 * (i + 1) + (fixed ? 0 : seed))]),
    );
  }

  #maker(name: string, fixed: boolean, make: (seed: number) => HostTensor): void {
    this.#makers.set(name, { fixed, make });
  }
}
