import type { TokenLayout } from "@spaattn/attention";
import { type HostTensor, sameShape } from "@spaattn/core";
import { type AxisOrder, videoLayout } from "@spaattn/layout";
import type { LabInputs } from "./build-inputs.js";

/** A capture of one attention call; the same shape as `Capture` of `@spaattn/io`. */
export interface CaptureLike {
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
  readonly textTokens?: number;
  readonly textValid?: readonly number[];
  readonly grid?: readonly [number, number, number];
  readonly tokenOrder?: "raster" | "curve";
  readonly axisOrder?: AxisOrder;
  readonly blockSize?: number;
  readonly scale?: number;
  readonly model?: string;
  readonly layer?: number;
}

/**
 * Lab inputs of a capture. With a grid and raster order the tokens are put into curve order first.
 *
 * @throws RangeError when shapes, grid and text lengths do not fit together.
 */
export function inputsFromCapture(capture: CaptureLike, name = "capture"): LabInputs {
  const { query, key, value, textTokens = 0, textValid, grid, tokenOrder = "raster", scale, model, layer } = capture;
  for (const [role, tensor] of Object.entries({ query, key, value })) {
    if (tensor.shape.length !== 4)
      throw new RangeError(`${role} must be [batch, heads, tokens, headDim], got [${tensor.shape.join(", ")}]`);
    if (!sameShape(tensor.shape, query.shape))
      throw new RangeError(
        `${role} must have query's shape [${query.shape.join(", ")}], got [${tensor.shape.join(", ")}]`,
      );
  }
  const [batch, heads, tokens, headDim] = query.shape;
  const visualTokens = tokens - textTokens;
  if (grid && grid[0] * grid[1] * grid[2] !== visualTokens)
    throw new RangeError(`grid ${grid.join("x")} does not hold the ${visualTokens} visual tokens of the capture`);
  const blockSize = capture.blockSize ?? 128;
  const { axisOrder } = capture;
  const layout = grid && videoLayout({ grid, blockSize, textTokens, ...(axisOrder ? { axisOrder } : {}) });
  const permute = layout !== undefined && tokenOrder === "raster";
  const place = (tensor: HostTensor) => (permute ? alongCurve(tensor, layout) : tensor.to("f32"));
  return {
    name,
    query: place(query),
    key: place(key),
    value: place(value),
    spec: {
      batch,
      heads,
      headDim,
      visualTokens,
      textTokens,
      ...(textValid ? { textValid } : {}),
      blockSize,
      dtype: "f32",
      ...(scale === undefined ? {} : { scale }),
      ...(layout ? { layout } : {}),
      tokenOrder: "curve",
    },
    heads: Array.from({ length: heads }, (_, h) => `head ${h}`),
    source: {
      ...(model === undefined ? {} : { model }),
      ...(layer === undefined ? {} : { layer }),
      ...(grid === undefined ? {} : { grid }),
    },
    notes: [
      `Capture${model ? ` of ${model}` : ""}: ${batch} x ${heads} heads, ${visualTokens} visual and ${textTokens} text tokens, headDim ${headDim}` +
        `${grid ? `, grid ${grid.join("x")}` : ", no grid"}${permute ? ", put into Hilbert-curve order" : ""}.`,
    ],
  };
}

function alongCurve(tensor: HostTensor, layout: TokenLayout): HostTensor<"f32"> {
  const source = tensor.to("f32");
  const sorted = source.to("f32");
  const [batch, heads, tokens, headDim] = tensor.shape;
  for (let plane = 0; plane < batch * heads; plane++)
    for (let position = 0; position < tokens; position++) {
      const from = (plane * tokens + layout.order[position]) * headDim;
      sorted.data.set(source.data.subarray(from, from + headDim), (plane * tokens + position) * headDim);
    }
  return sorted;
}
