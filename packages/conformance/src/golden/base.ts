import type { AttentionSpec, TokenLayout } from "@spaattn/attention";
import { type FloatDType, HostTensor } from "@spaattn/core";
import type { CaseInputs } from "../inputs.js";
import { type GoldenFile, Metadata } from "./file.js";

/** Geometry, inputs and token layout of a case file. */
export interface GoldenBase {
  readonly file: GoldenFile;
  readonly meta: Metadata;
  readonly spec: AttentionSpec;
  readonly inputs: CaseInputs;
  /** Token indices for which row tensors are stored. */
  readonly rows: readonly number[];
  /** How many of them are visual. */
  readonly visualRows: number;
  readonly layout: TokenLayout;
}

/** Reads what all variants of a case share; the inputs, exact in float16, are converted to `dtype`. */
export function openBase(file: GoldenFile, dtype: FloatDType): GoldenBase {
  const meta = new Metadata(file);
  const [batch, heads, visualTokens, textTokens] = ["batch", "heads", "n_visual", "n_text"].map((name) =>
    meta.number(name),
  );
  const [headDim, blockSize] = [meta.number("head_dim"), meta.number("block_size")];
  const valid = meta.json<number[]>("text_valid");
  const layout = layoutOf(meta, visualTokens, textTokens, blockSize);
  const spec: AttentionSpec = {
    batch,
    heads,
    headDim,
    visualTokens,
    textTokens,
    ...(valid.length > 0 ? { textValid: valid } : {}),
    blockSize,
    scale: meta.number("softmax_scale"),
    dtype,
    outputDtype: dtype,
    layout,
    tokenOrder: "curve",
  };
  const input = (name: string) => meta.tensor(name).to(dtype);
  const rows = Array.from(meta.tensor("rows").data);
  return {
    file,
    meta,
    spec,
    inputs: { query: input("q"), key: input("k"), value: input("v") },
    rows,
    visualRows: rows.filter((row) => row < visualTokens).length,
    layout,
  };
}

function layoutOf(meta: Metadata, visualTokens: number, textTokens: number, blockSize: number): TokenLayout {
  const tokens = visualTokens + textTokens;
  const order = Int32Array.from({ length: tokens }, (_, i) => i);
  order.set(meta.tensor("curve_to_linear").data as Int32Array);
  const inverse = new Int32Array(tokens);
  order.forEach((token, position) => void (inverse[token] = position));
  const [t, h, w] = meta.json<[number, number, number]>("grid_thw");
  const blocks = new Set<number>();
  for (let position = 0; position < visualTokens; position++)
    if (order[position] < h * w) blocks.add(Math.floor(position / blockSize));
  return {
    grid: [t, h, w],
    blockSize,
    order,
    inverse,
    neighbours: meta.tensor("block_neighbors").data as Uint8Array,
    firstFrameBlocks: Int32Array.from(blocks).sort(),
  };
}

/** Picks the stored rows out of a full `[b, h, S, d]` tensor: `[b, h, r, d]`. */
export function pickRows(full: HostTensor, rows: readonly number[]): HostTensor<"f32"> {
  const [batch, heads, tokens, d] = full.shape;
  const data = full.toFloat32();
  const picked = new HostTensor("f32", [batch, heads, rows.length, d]);
  for (let plane = 0; plane < batch * heads; plane++)
    for (const [i, row] of rows.entries()) {
      const from = (plane * tokens + row) * d;
      picked.data.set(data.subarray(from, from + d), (plane * rows.length + i) * d);
    }
  return picked;
}
