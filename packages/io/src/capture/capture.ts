import type { AttentionSpec } from "@spaattn/attention";
import { type FloatDType, type HostTensor, sameShape, type Tensor } from "@spaattn/core";

/** Facts about a capture besides its tensors (docs/capture-format.md). */
export interface CaptureInfo {
  /** Token grid `[t, h, w]` of the visual tokens, where known. */
  readonly grid?: readonly [number, number, number];
  /** Order of the visual tokens: row-major over the grid, or along the curve. */
  readonly tokenOrder: "raster" | "curve";
  /** Major, middle and minor axis of the curve. */
  readonly axisOrder: readonly ["w" | "h" | "t", "w" | "h" | "t", "w" | "h" | "t"];
  /** Text slots behind the visual tokens. */
  readonly textTokens: number;
  /** Valid text tokens of each batch item. */
  readonly textValid: readonly number[];
  /** Softmax scale, where it is not `headDim ** -0.5`. */
  readonly scale?: number;
  /** Block size to use, where the capture asks for one. */
  readonly blockSize?: number;
  readonly model?: string;
  readonly layer?: number;
  /** Denoising step. */
  readonly step?: number;
}

/** Query, key and value of one attention call: `[batch, heads, visual + text tokens, headDim]`, text behind. */
export interface Capture extends CaptureInfo {
  readonly query: HostTensor<FloatDType>;
  readonly key: HostTensor<FloatDType>;
  readonly value: HostTensor<FloatDType>;
}

/** Tensors and facts to write; facts that are left out get their defaults. */
export interface CaptureInput extends Partial<CaptureInfo> {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}

export const DEFAULT_AXIS_ORDER = ["w", "h", "t"] as const;

/** The part of an attention spec that a capture fixes; add policy, mode and, for raster order, the layout. */
export function captureSpec(capture: Capture): AttentionSpec {
  const [batch, heads, tokens, headDim] = capture.query.shape;
  const { textTokens, textValid, scale, blockSize } = capture;
  return {
    batch,
    heads,
    headDim,
    visualTokens: tokens - textTokens,
    textTokens,
    textValid,
    dtype: capture.query.dtype,
    ...(scale === undefined ? {} : { scale }),
    ...(blockSize === undefined ? {} : { blockSize }),
  };
}

/** Dtype and shape of a tensor that is not read yet. */
export interface TensorFacts {
  readonly dtype: string;
  readonly shape: readonly number[];
}

const ROLES = ["query", "key", "value"] as const;

/** Says what is wrong with the dtypes and shapes of a capture; undefined when nothing is. */
export function tensorsProblem(tensors: Record<(typeof ROLES)[number], TensorFacts>): string | undefined {
  const { query } = tensors;
  const shape = `[${query.shape.join(", ")}]`;
  if (query.shape.length !== 4 || query.shape.some((size) => size < 1))
    return `query must be [batch, heads, tokens, headDim] and not empty, got ${shape}`;
  for (const name of ROLES) {
    const other = tensors[name];
    if (!["f32", "f16", "bf16"].includes(other.dtype)) return `${name} must be F32, F16 or BF16, got ${other.dtype}`;
    if (other.dtype !== query.dtype) return `${name} is ${other.dtype}, but query is ${query.dtype}`;
    if (!sameShape(other.shape, query.shape)) return `${name} is [${other.shape.join(", ")}], but query is ${shape}`;
  }
  return undefined;
}

/** Says where the facts of a capture disagree with its shape `[batch, heads, tokens, headDim]`. */
export function factsProblem([batch, , tokens]: readonly number[], info: CaptureInfo): string | undefined {
  const { grid, textTokens, textValid } = info;
  if (textValid.length !== batch) return `text_valid lists ${textValid.length} values, but the batch has ${batch}`;
  const most = textValid.reduce((a, b) => Math.max(a, b), 0);
  if (most > textTokens) return `text_valid is ${most}, but there are only ${textTokens} text tokens`;
  if (textTokens >= tokens) return `${textTokens} of ${tokens} tokens are text; none is left for the video`;
  if (grid && grid[0] * grid[1] * grid[2] !== tokens - textTokens)
    return `grid ${grid.join("x")} does not match ${tokens - textTokens} visual tokens`;
  if (!grid && info.tokenOrder === "raster") return 'token_order "raster" needs a grid';
  return undefined;
}
