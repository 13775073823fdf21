import type { OperationDefinition } from "@spaattn/core";
import { mustBe, need } from "../check.js";

/** Axis `i` of the result is axis `perm[i]` of `x`; up to 8 axes. Input `x`; result `y`. */
export interface TransposeAttrs {
  readonly perm: readonly number[];
}

/** Puts `x0`, `x1`, ... behind each other along `axis`. */
export interface ConcatAttrs {
  readonly axis: number;
  readonly count: number;
}

/** `length` places of `axis` from `start`. */
export interface SliceAttrs {
  readonly axis: number;
  readonly start: number;
  readonly length: number;
}

/** Zeros, or copies of the edge, before and after along `axis`. */
export interface PadAttrs {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  readonly mode: "zero" | "replicate";
}

/** Every place of axis `i` `times[i]` times in a row: nearest-neighbour up-sampling. */
export interface RepeatAttrs {
  readonly times: readonly number[];
}

declare module "@spaattn/core" {
  interface Operations {
    transpose: TransposeAttrs;
    concat: ConcatAttrs;
    slice: SliceAttrs;
    pad: PadAttrs;
    repeat: RepeatAttrs;
  }
}

function checkAxis(op: string, axis: number, shape: readonly number[]): void {
  if (!(Number.isInteger(axis) && axis >= 0 && axis < shape.length))
    throw new RangeError(`${op}: axis must be from 0 to ${shape.length - 1}, got ${axis}`);
}

const withAxis = (shape: readonly number[], axis: number, size: number) => shape.map((s, i) => (i === axis ? size : s));

export const transpose: OperationDefinition<"transpose"> = {
  op: "transpose",
  infer({ perm }, inputs) {
    const { dtype, shape } = need("transpose", inputs, "x");
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== shape.length || sorted.some((axis, i) => axis !== i) || perm.length > 8)
      throw new RangeError(`transpose: perm must permute the ${shape.length} axes of x, got [${perm.join(", ")}]`);
    return { y: { dtype, shape: perm.map((axis) => shape[axis]) } };
  },
  flop: () => 0,
};

export const concat: OperationDefinition<"concat"> = {
  op: "concat",
  infer({ axis, count }, inputs) {
    const first = need("concat", inputs, "x0");
    checkAxis("concat", axis, first.shape);
    let size = 0;
    for (let i = 0; i < count; i++) {
      const part = need("concat", inputs, `x${i}`);
      mustBe("concat", `x${i}`, part, withAxis(first.shape, axis, part.shape[axis]));
      if (part.dtype !== first.dtype) throw new TypeError(`concat.x${i} must be ${first.dtype}, got ${part.dtype}`);
      size += part.shape[axis];
    }
    return { y: { dtype: first.dtype, shape: withAxis(first.shape, axis, size) } };
  },
  flop: () => 0,
};

export const slice: OperationDefinition<"slice"> = {
  op: "slice",
  infer({ axis, start, length }, inputs) {
    const { dtype, shape } = need("slice", inputs, "x");
    checkAxis("slice", axis, shape);
    if (
      !(
        Number.isInteger(start) &&
        Number.isInteger(length) &&
        start >= 0 &&
        length >= 1 &&
        start + length <= shape[axis]
      )
    )
      throw new RangeError(`slice: [${start}, ${start + length}) is not inside axis ${axis} of [${shape.join(", ")}]`);
    return { y: { dtype, shape: withAxis(shape, axis, length) } };
  },
  flop: () => 0,
};

export const pad: OperationDefinition<"pad"> = {
  op: "pad",
  infer({ axis, before, after, mode }, inputs) {
    const { dtype, shape } = need("pad", inputs, "x");
    checkAxis("pad", axis, shape);
    if (!(Number.isInteger(before) && Number.isInteger(after) && before >= 0 && after >= 0))
      throw new RangeError(`pad: before and after must be whole numbers, got ${before} and ${after}`);
    if (mode !== "zero" && mode !== "replicate")
      throw new RangeError(`pad: mode must be zero or replicate, got ${mode}`);
    return { y: { dtype, shape: withAxis(shape, axis, shape[axis] + before + after) } };
  },
  flop: () => 0,
};

export const repeat: OperationDefinition<"repeat"> = {
  op: "repeat",
  infer({ times }, inputs) {
    const { dtype, shape } = need("repeat", inputs, "x");
    if (times.length !== shape.length || times.some((n) => !(Number.isInteger(n) && n >= 1)))
      throw new RangeError(
        `repeat: times must have a positive integer for each of ${shape.length} axes, got [${times.join(", ")}]`,
      );
    return { y: { dtype, shape: shape.map((size, i) => size * times[i]) } };
  },
  flop: () => 0,
};
