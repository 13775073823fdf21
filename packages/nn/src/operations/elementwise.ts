import { type DType, elementCount, type OperationDefinition, type TensorSpec } from "@spaattn/core";
import { ACTIVATIONS, type Activation } from "../activation.js";
import { broadcast, mustBe, mustBeDType, mustBeIn, need } from "../check.js";

export const BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum"] as const;

/** `a op b` with numpy's broadcasting, in f32 at least. Inputs `a`, `b`; result `y`. */
export interface BinaryAttrs {
  readonly kind: (typeof BINARY)[number];
  readonly dtype: DType;
}

/**
 * One value at a time: an activation, or `affine` (`x * a + b`), `clamp` (to `[a, b]`; NaN stays), `exp`, `abs`, `sqrt`,
 * `none` (a copy, or a conversion to `dtype`). Input `x`; result `y`.
 */
export interface UnaryAttrs {
  readonly kind: Activation | "affine" | "clamp" | "exp" | "abs" | "sqrt";
  readonly a?: number;
  readonly b?: number;
  readonly dtype: DType;
}

/**
 * A weighted sum, as schedulers, guidance and step caches need it: `y = Σ coefficients[i] * x{i}`.
 *
 * Inputs: `x0`, `x1`, ... (up to 8) of one shape; `coefficients` f32 `[count]`, read on the device, so that one program
 * serves all steps. Terms whose coefficient is zero count as zero, even where they hold NaN or infinity.
 */
export interface CombineAttrs {
  readonly count: number;
  readonly dtype: DType;
}

/**
 * A reduction to f32. `meanAbsolute`: mean of `|a|`, or of `|a - b|` with `b`, over all elements, `[1]`;
 * `mean`: over the last axis, `[...]` in `a`'s dtype.
 */
export interface ReduceAttrs {
  readonly kind: "meanAbsolute" | "mean";
}

declare module "@spaattn/core" {
  interface Operations {
    binary: BinaryAttrs;
    unary: UnaryAttrs;
    combine: CombineAttrs;
    reduce: ReduceAttrs;
  }
}

const count = (_: unknown, __: unknown, { y }: Readonly<Record<string, TensorSpec>>) => elementCount(y.shape);

export const binary: OperationDefinition<"binary"> = {
  op: "binary",
  infer({ kind, dtype }, inputs) {
    mustBeIn("binary", "kind", kind, BINARY);
    const shape = broadcast(`binary ${kind}`, need("binary", inputs, "a").shape, need("binary", inputs, "b").shape);
    return { y: { dtype, shape } };
  },
  flop: count,
};

export const unary: OperationDefinition<"unary"> = {
  op: "unary",
  infer({ kind, dtype, a, b }, inputs) {
    mustBeIn("unary", "kind", kind, [...ACTIVATIONS, "affine", "clamp", "exp", "abs", "sqrt"]);
    if ((kind === "affine" || kind === "clamp") && (a === undefined || b === undefined || Number.isNaN(a + b)))
      throw new RangeError(`unary: ${kind} needs numbers a and b, got ${a} and ${b}`);
    return { y: { dtype, shape: need("unary", inputs, "x").shape } };
  },
  flop: count,
};

export const combine: OperationDefinition<"combine"> = {
  op: "combine",
  infer({ count: terms, dtype }, inputs) {
    if (!(Number.isInteger(terms) && terms >= 1 && terms <= 8))
      throw new RangeError(`combine: count must be from 1 to 8, got ${terms}`);
    const { shape } = need("combine", inputs, "x0");
    for (let i = 0; i < terms; i++) mustBe("combine", `x${i}`, need("combine", inputs, `x${i}`), shape);
    mustBe("combine", "coefficients", need("combine", inputs, "coefficients"), [terms]);
    mustBeDType("combine", "coefficients", inputs.coefficients, "f32");
    return { y: { dtype, shape } };
  },
  flop: ({ count: terms }, _, { y }) => 2 * terms * elementCount(y.shape),
};

export const reduce: OperationDefinition<"reduce"> = {
  op: "reduce",
  infer({ kind }, inputs) {
    mustBeIn("reduce", "kind", kind, ["meanAbsolute", "mean"]);
    const a = need("reduce", inputs, "a");
    mustBe("reduce", "b", inputs.b, a.shape);
    if (kind === "meanAbsolute") return { y: { dtype: "f32", shape: [1] } };
    return { y: { dtype: a.dtype, shape: a.shape.slice(0, -1) } };
  },
  flop: (_, { a }) => 3 * elementCount(a.shape),
};
