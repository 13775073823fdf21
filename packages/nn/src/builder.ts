import { type AttentionSpec, attentionOperation, type ResolvedSpec, resolveSpec } from "@spaattn/attention";
import { type DType, type FloatDType, PlanRecorder, type RecorderOptions, type Value } from "@spaattn/core";
import type { Activation } from "./activation.js";
import { denseAttention } from "./operations/attention.js";
import { conv } from "./operations/conv.js";
import { type BinaryAttrs, binary, combine, reduce, type UnaryAttrs, unary } from "./operations/elementwise.js";
import { embed, timestep } from "./operations/embed.js";
import { type HeadNorm, heads, merge } from "./operations/heads.js";
import { linear } from "./operations/linear.js";
import { norm } from "./operations/norm.js";
import { concat, pad, repeat, slice, transpose } from "./operations/shape.js";
import { type BlockFormat, rowBytes } from "./quantised.js";

export interface BuilderOptions extends RecorderOptions {
  /** Dtype of activations. Default `f32`. */
  readonly dtype?: FloatDType;
  /** The block format of a weight whose spec is u8, where files are block-quantised. */
  readonly weightFormat?: (name: string) => BlockFormat | undefined;
}

/** The weights of one linear layer. */
export interface LinearWeights {
  readonly weight: Value;
  readonly bias?: Value;
  readonly scale?: Value;
  readonly format?: BlockFormat;
}

/** Shift, scale or gate per batch item, per token, or chosen by an index; see `mustModulate` in check.ts. */
export interface LinearOptions {
  readonly activation?: Activation;
  /** The other half of a gated pair: `act(x W) * (x W2)`. */
  readonly times?: LinearWeights;
  readonly gate?: Value;
  readonly index?: Value;
  readonly residual?: Value;
  readonly dtype?: FloatDType;
}

export interface NormOptions {
  readonly kind: "layer" | "rms" | "l2" | "group";
  readonly eps: number;
  readonly groups?: number;
  readonly weight?: Value;
  readonly bias?: Value;
  readonly shift?: Value;
  readonly scale?: Value;
  readonly index?: Value;
  readonly activation?: Activation;
  readonly dtype?: FloatDType;
}

export interface HeadsOptions {
  readonly heads: number;
  readonly norm?: HeadNorm & { readonly weight: Value; readonly bias?: Value };
  readonly rotary?: { readonly kind: "interleaved" | "half"; readonly cos: Value; readonly sin: Value };
  /** Result row `i` is token `order[i]`. */
  readonly order?: Value;
  readonly text?: { readonly x: Value; readonly weight?: Value; readonly bias?: Value };
}

export interface ConvOptions {
  readonly weight: Value;
  readonly bias?: Value;
  readonly stride?: readonly [number, number, number];
  readonly front?: number;
  /** Rows or columns on every side, or each side. Default 0. */
  readonly padding?:
    | number
    | { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };
  readonly mode?: "zero" | "replicate";
  readonly history?: Value;
  readonly residual?: Value;
}

/**
 * Records the plan of a network: a model is an ordinary function over a builder, written once and run once per shape.
 *
 * Streams are `[batch, tokens, channels]`, heads `[batch, heads, tokens, headDim]`, images and videos
 * `[batch, frames, height, width, channels]`, channels last. Every method's exact contract stands at the operation's
 * attributes (`LinearAttrs`, `NormAttrs`, ...).
 */
export class Builder extends PlanRecorder {
  readonly dtype: FloatDType;
  readonly #formatOf: (name: string) => BlockFormat | undefined;

  constructor(options: BuilderOptions = {}) {
    super(options);
    this.dtype = options.dtype ?? "f32";
    this.#formatOf = options.weightFormat ?? (() => undefined);
  }

  /** The weights `NAME.weight` `[n, k]`, `NAME.bias` and, where files scale 8-bit weights, their scale. */
  linearWeights(name: string, n: number, k: number, options: { readonly bias?: boolean } = {}): LinearWeights {
    const format = this.#formatOf(`${name}.weight`);
    const weight = this.weight(`${name}.weight`, [n, format ? rowBytes(format, k) : k]);
    const scaleName = [`${name}.scale_weight`, `${name}.weight_scale`].find((each) => this.options.weightSpec?.(each));
    const scaleShape = scaleName && this.options.weightSpec?.(scaleName)?.shape;
    return {
      weight,
      ...(options.bias === false ? {} : { bias: this.weight(`${name}.bias`, [n]) }),
      ...(scaleName ? { scale: this.#vector(this.weight(scaleName, scaleShape as readonly number[])) } : {}),
      ...(format ? { format } : {}),
    };
  }

  linear(x: Value, weights: LinearWeights, options: LinearOptions = {}): Value {
    const { activation = "none", times, gate, index, residual, dtype = this.#floatOf(x) } = options;
    const { weight, bias, scale, format } = weights;
    const second = { weight2: times?.weight, bias2: times?.bias, scale2: times?.scale };
    const inputs = { x, weight, bias, scale, ...second, gate, residual, index: gate && index };
    return this.record(linear, { activation, dtype, ...(format ? { format } : {}) }, inputs).y;
  }

  norm(x: Value, options: NormOptions): Value {
    const {
      kind,
      eps,
      groups,
      weight,
      bias,
      shift,
      scale,
      index,
      activation = "none",
      dtype = this.#floatOf(x),
    } = options;
    const attrs = { kind, eps, activation, dtype, ...(groups === undefined ? {} : { groups }) };
    return this.record(norm, attrs, { x, weight, bias, shift, scale, index: (shift || scale) && index }).y;
  }

  heads(x: Value, options: HeadsOptions): Value {
    const { heads: count, norm: by, rotary, order, text } = options;
    const attrs = {
      heads: count,
      dtype: this.#floatOf(x),
      ...(by ? { norm: { kind: by.kind, across: by.across, eps: by.eps } } : {}),
      ...(rotary ? { rotary: rotary.kind } : {}),
    };
    const norms = { weight: by?.weight, bias: by?.bias, textWeight: text?.weight, textBias: text?.bias };
    return this.record(heads, attrs, { x, ...norms, cos: rotary?.cos, sin: rotary?.sin, order, text: text?.x }).y;
  }

  /** Heads back into streams; `text` exists where `textTokens` is not 0. */
  merge(x: Value, options: { readonly order?: Value; readonly textTokens?: number } = {}): { y: Value; text?: Value } {
    const { order, textTokens = 0 } = options;
    return this.record(merge, { textTokens }, { x, order }) as { y: Value; text?: Value };
  }

  /** Sparse rectified self-attention; batch, heads, sizes and dtype of the spec are taken from the query. */
  attention(query: Value, key: Value, value: Value, spec: Partial<AttentionSpec> = {}): Value {
    const [batch, count, tokens, headDim] = query.shape;
    const textTokens = spec.textTokens ?? 0;
    const resolved: ResolvedSpec = resolveSpec({
      ...spec,
      batch,
      heads: count,
      headDim,
      visualTokens: tokens - textTokens,
      dtype: this.#floatOf(query),
    });
    return this.record(attentionOperation, { spec: resolved }, { query, key, value }).output;
  }

  denseAttention(
    query: Value,
    key: Value,
    value: Value,
    options: {
      readonly scale?: number;
      readonly frameTokens?: number;
      readonly keyMask?: Value;
      readonly bias?: Value;
    } = {},
  ): Value {
    const { scale = query.shape[3] ** -0.5, frameTokens, keyMask, bias } = options;
    const attrs = { scale, ...(frameTokens === undefined ? {} : { frameTokens }) };
    return this.record(denseAttention, attrs, { query, key, value, keyMask, bias }).output;
  }

  embed(ids: Value, table: Value): Value {
    return this.record(embed, { dtype: this.dtype }, { ids, table }).y;
  }

  timestep(t: Value, width: number, maxPeriod = 10_000): Value {
    return this.record(timestep, { width, maxPeriod }, { t }).y;
  }

  binary(kind: BinaryAttrs["kind"], a: Value, b: Value, dtype: DType = wider(a.dtype, b.dtype)): Value {
    return this.record(binary, { kind, dtype }, { a, b }).y;
  }

  add(a: Value, b: Value): Value {
    return this.binary("add", a, b);
  }

  multiply(a: Value, b: Value): Value {
    return this.binary("multiply", a, b);
  }

  unary(
    kind: UnaryAttrs["kind"],
    x: Value,
    options: { readonly a?: number; readonly b?: number; readonly dtype?: DType } = {},
  ): Value {
    const { dtype = x.dtype, ...numbers } = options;
    return this.record(unary, { kind, dtype, ...numbers }, { x }).y;
  }

  /** The value in another dtype; itself where it has it already. */
  convert(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.unary("none", x, { dtype });
  }

  /** Overwrites a state (or another value of the caller) with `x`. */
  assign(target: Value, x: Value): void {
    this.record(unary, { kind: "none", dtype: target.dtype }, { x }, { y: target });
  }

  combine(terms: readonly Value[], coefficients: Value, dtype: DType = terms[0].dtype): Value {
    const named = Object.fromEntries(terms.map((term, i) => [`x${i}`, term]));
    return this.record(combine, { count: terms.length, dtype }, { ...named, coefficients }).y;
  }

  meanAbsolute(a: Value, b?: Value): Value {
    return this.record(reduce, { kind: "meanAbsolute" }, { a, b }).y;
  }

  /** Mean over the last axis. */
  mean(a: Value): Value {
    return this.record(reduce, { kind: "mean" }, { a }).y;
  }

  conv(x: Value, options: ConvOptions): Value {
    const { weight, bias, stride = [1, 1, 1], front = 0, padding = 0, mode = "zero", history, residual } = options;
    const sides =
      typeof padding === "number" ? { top: padding, bottom: padding, left: padding, right: padding } : padding;
    const attrs = { stride, front, padding: sides, mode, dtype: this.#floatOf(x) };
    return this.record(conv, attrs, { x, weight, bias, history, residual }).y;
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.record(transpose, { perm }, { x }).y;
  }

  concat(parts: readonly Value[], axis: number): Value {
    if (parts.length === 1) return parts[0];
    const named = Object.fromEntries(parts.map((part, i) => [`x${i}`, part]));
    return this.record(concat, { axis, count: parts.length }, named).y;
  }

  /** `length` places of `axis` from `start`: a view where the elements lie together, else a copy. */
  slice(x: Value, axis: number, start: number, length: number): Value {
    const inner = x.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const shape = x.shape.map((size, i) => (i === axis ? length : size));
    if (x.shape.slice(0, axis).every((size) => size === 1)) return this.view(x, shape, start * inner);
    return this.record(slice, { axis, start, length }, { x }).y;
  }

  pad(x: Value, axis: number, before: number, after: number, mode: "zero" | "replicate" = "zero"): Value {
    return this.record(pad, { axis, before, after, mode }, { x }).y;
  }

  repeat(x: Value, times: readonly number[]): Value {
    return times.every((n) => n === 1) ? x : this.record(repeat, { times }, { x }).y;
  }

  /** The same elements in another shape; one size may be -1. */
  reshape(x: Value, shape: readonly number[]): Value {
    const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
    const known = count(shape.filter((size) => size !== -1));
    const sizes = shape.map((size) => (size === -1 ? count(x.shape) / known : size));
    if (count(sizes) !== count(x.shape))
      throw new RangeError(`reshape: [${x.shape.join(", ")}] has no [${shape.join(", ")}]`);
    return this.view(x, sizes);
  }

  /** Makes any value an output: views and inputs are copied. */
  override output(name: string, value: Value): Value {
    try {
      return super.output(name, value);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return super.output(name, this.unary("none", value));
    }
  }

  #vector(scale: Value): Value {
    return scale.shape.length === 1
      ? scale
      : this.view(scale, [scale.shape.reduce((product, size) => product * size, 1)]);
  }

  #floatOf(x: Value): FloatDType {
    return x.dtype === "f16" || x.dtype === "bf16" || x.dtype === "f32" ? x.dtype : this.dtype;
  }
}

const wider = (a: DType, b: DType): DType => (a === b ? a : "f32");
