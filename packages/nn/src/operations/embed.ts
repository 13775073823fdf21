import { elementCount, type FloatDType, type OperationDefinition } from "@spaattn/core";
import { mustBeDType, mustHaveRank, need } from "../check.js";

/** Rows of a table. Inputs: `ids` i32 `[...]`; `table` `[rows, c]`. Result: `y` `[..., c]`. Ids out of range are the caller's fault. */
export interface EmbedAttrs {
  readonly dtype: FloatDType;
}

/**
 * Sinusoids of time steps: `[cos(t f_0), ..., sin(t f_0), ...]`, `f_i = exp(-ln(maxPeriod) i / (width / 2))`; `f_i` and
 * `t f_i` are rounded to f32 before the sine. Input: `t` f32 `[...]`. Result: `y` f32 `[..., width]`.
 */
export interface TimestepAttrs {
  readonly width: number;
  readonly maxPeriod: number;
}

declare module "@spaattn/core" {
  interface Operations {
    embed: EmbedAttrs;
    timestep: TimestepAttrs;
  }
}

export const embed: OperationDefinition<"embed"> = {
  op: "embed",
  infer({ dtype }, inputs) {
    const ids = need("embed", inputs, "ids");
    const table = need("embed", inputs, "table");
    mustBeDType("embed", "ids", ids, "i32");
    mustHaveRank("embed", "table", table, 2);
    return { y: { dtype, shape: [...ids.shape, table.shape[1]] } };
  },
  flop: () => 0,
};

export const timestep: OperationDefinition<"timestep"> = {
  op: "timestep",
  infer({ width }, inputs) {
    const t = need("timestep", inputs, "t");
    mustBeDType("timestep", "t", t, "f32");
    if (!(width > 0 && width % 2 === 0)) throw new RangeError(`timestep: width must be even, got ${width}`);
    return { y: { dtype: "f32", shape: [...t.shape, width] } };
  },
  flop: (_, __, { y }) => 20 * elementCount(y.shape),
};
