import { type Extra, keyRange, makeGeometry } from "@spaattn/attention";
import type { TypedArray } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import type { Mode } from "./modes.js";
import type { ModeRun } from "./run-mode.js";

/** The extras a run must ask for so that `attentionRow` can explain it. */
export const ROW_EXTRAS: Readonly<Record<Mode, readonly Extra[]>> = {
  dense: [],
  none: [],
  paper: ["factor", "probabilities", "gain"],
  tail: ["anchor", "order", "strataKey", "strataMass", "bias"],
  levels: ["anchor", "order", "cluster", "nodeKey", "nodeMass", "rowCounts", "rowIndices", "rowBias"],
};

/**
 * Where one visual token of batch item 0 attends: `[tokens]` weights in attention order, summing to 1 (with `none`
 * over the computed keys alone).
 *
 * What the rectification spends on skipped blocks is shown on their tokens: the paper's share of a block evenly, a
 * stratum's share by the tokens' weight in its summary.
 *
 * @param position the token's index in attention order (for curve order: `layout.inverse[token]`).
 */
export function attentionRow(run: ModeRun, inputs: LabInputs, head: number, position: number): Float32Array {
  const row = new RowBuilder(run, inputs, head, position);
  if (run.mode === "dense") return row.dense();
  if (run.mode === "none") return row.sparse();
  if (run.mode === "levels") return row.levels();
  return run.mode === "paper" ? row.paper() : row.tail();
}

class RowBuilder {
  readonly #geometry;
  readonly #block: number;
  readonly #keys: Float32Array;
  readonly #query: Float32Array;

  constructor(
    readonly run: ModeRun,
    inputs: LabInputs,
    readonly head: number,
    position: number,
  ) {
    const { textValid, blockSize = 128, batch = 1, ...rest } = inputs.spec;
    const valid = typeof textValid === "number" ? new Array<number>(batch).fill(textValid) : textValid;
    this.#geometry = makeGeometry({ ...rest, batch, blockSize, ...(valid ? { textValid: valid } : {}) });
    const { tokens, headDim, visualTokens } = this.#geometry;
    if (!(position >= 0 && position < visualTokens))
      throw new RangeError(`position must be a visual token below ${visualTokens}, got ${position}`);
    this.#block = Math.floor(position / blockSize);
    const start = head * tokens * headDim;
    this.#keys = inputs.key.toFloat32().subarray(start, start + tokens * headDim);
    this.#query = inputs.query.toFloat32().subarray(start + position * headDim, start + (position + 1) * headDim);
  }

  /** The plane of this head in a `[1, heads, ...]` tensor of the run. */
  #plane(name: string, length: number): TypedArray {
    const { data } = this.run.tensors[name];
    return data.subarray(this.head * length, (this.head + 1) * length);
  }

  #logit(vector: ArrayLike<number>, offset: number): number {
    const { headDim, scale } = this.#geometry;
    let sum = 0;
    for (let i = 0; i < headDim; i++) sum += this.#query[i] * vector[offset + i];
    return sum * scale;
  }

  #blocks(): number[] {
    const { blocks, visualBlocks: n } = this.#geometry;
    const { mask } = this.run;
    if (!mask) return Array.from({ length: blocks }, (_, i) => i);
    const row = this.head * n + this.#block;
    return Array.from({ length: mask.counts[row] }, (_, slot) => mask.indices[row * mask.stride + slot]);
  }

  /** Writes the logits of the computed keys; everything else is -inf. */
  #exactLogits(): Float64Array {
    const { tokens, headDim } = this.#geometry;
    const logits = new Float64Array(tokens).fill(-Infinity);
    for (const block of this.#blocks()) {
      const { start, end } = keyRange(this.#geometry, block, 0);
      for (let token = start; token < end; token++) logits[token] = this.#logit(this.#keys, token * headDim);
    }
    return logits;
  }

  dense(): Float32Array {
    return Float32Array.from(softmax(this.#exactLogits()));
  }

  sparse(): Float32Array {
    return this.dense();
  }

  paper(): Float32Array {
    const { visualBlocks: n, textTokens } = this.#geometry;
    const factor = this.#plane("factor", n)[this.#block];
    const weights = this.sparse().map((weight) => weight * factor);
    const columns = textTokens > 0 ? n + 1 : n;
    const probabilities = this.#plane("probabilities", n * columns).subarray(this.#block * columns);
    const gain = this.#plane("gain", n * n).subarray(this.#block * n);
    const computed = new Set(this.#blocks());
    for (let block = 0; block < n; block++) {
      if (computed.has(block) || !gain[block]) continue;
      const { start, end } = keyRange(this.#geometry, block, 0);
      weights.fill(probabilities[block] / (end - start), start, end);
    }
    return weights;
  }

  tail(): Float32Array {
    const { visualBlocks: n, visualTokens, blockSize, headDim } = this.#geometry;
    const { shape } = this.run.tensors.strataKey;
    const [groups, strata] = [shape[2], shape[3]];
    const group = Math.floor(this.#block / this.run.group);
    const keys = this.#plane("strataKey", groups * strata * headDim).subarray(group * strata * headDim);
    const bias = this.#plane("bias", n * strata).subarray(this.#block * strata);
    const exact = this.#exactLogits();
    const pseudo = Float64Array.from({ length: strata }, (_, u) => this.#logit(keys, u * headDim) + bias[u]);
    const all = softmax(concat(exact, pseudo));
    const weights = Float32Array.from(all.subarray(0, exact.length));
    const order = this.#plane("order", n * blockSize);
    const anchor = this.#plane("anchor", groups * headDim).subarray(group * headDim, (group + 1) * headDim);
    const mass = this.#plane("strataMass", groups * strata).subarray(group * strata);
    const slots = (n * blockSize) / strata;
    for (let u = 0; u < strata; u++) {
      const share = all[exact.length + u];
      if (share === 0) continue;
      const members = Array.from(order.subarray(u * slots, (u + 1) * slots)).filter((token) => token < visualTokens);
      this.#spread(weights, members, share, anchor, keys.subarray(u * headDim, (u + 1) * headDim), mass[u]);
    }
    return weights;
  }

  levels(): Float32Array {
    const { visualBlocks: n, visualTokens, blockSize, headDim: d } = this.#geometry;
    const [clusters, rows] = [this.run.tensors.nodeKey.shape[2], this.run.tensors.nodeKey.shape[3]];
    const group = this.#plane("cluster", n)[this.#block];
    const keys = this.#plane("nodeKey", clusters * rows * d).subarray(group * rows * d);
    const stride = this.run.tensors.rowIndices.shape[3];
    const first = this.#block * stride;
    const count = this.#plane("rowCounts", n)[this.#block];
    const listed = this.#plane("rowIndices", n * stride).subarray(first, first + count);
    const bias = this.#plane("rowBias", n * stride).subarray(first);
    const exact = this.#exactLogits();
    const pseudo = Float64Array.from(listed, (row, at) => this.#logit(keys, row * d) + bias[at]);
    const all = softmax(concat(exact, pseudo));
    const weights = Float32Array.from(all.subarray(0, exact.length));
    const order = this.#plane("order", n * blockSize);
    const anchor = this.#plane("anchor", clusters * d).subarray(group * d, (group + 1) * d);
    const mass = this.#plane("nodeMass", clusters * rows).subarray(group * rows);
    listed.forEach((row, at) => {
      const level = Math.floor(Math.log2(row / n + 1));
      const [u, slots] = [row - n * (2 ** level - 1), blockSize / 2 ** level];
      const members = Array.from(order.subarray(u * slots, (u + 1) * slots)).filter((token) => token < visualTokens);
      const share = all[exact.length + at];
      this.#spread(weights, members, share, anchor, keys.subarray(row * d, (row + 1) * d), mass[row]);
    });
    return weights;
  }

  /** Spreads a stratum's share over its tokens by their weight at the anchor, `exp(z_r - L)`. */
  #spread(
    weights: Float32Array,
    members: readonly number[],
    share: number,
    anchor: TypedArray,
    key: TypedArray,
    mass: number,
  ): void {
    const { headDim, scale } = this.#geometry;
    const dot = (vector: ArrayLike<number>, offset: number) => {
      let sum = 0;
      for (let i = 0; i < headDim; i++) sum += anchor[i] * vector[offset + i];
      return sum * scale;
    };
    const total = mass + dot(key, 0);
    for (const token of members) weights[token] += share * Math.exp(dot(this.#keys, token * headDim) - total);
  }
}

function concat(a: Float64Array, b: Float64Array): Float64Array {
  const all = new Float64Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

function softmax(logits: Float64Array): Float64Array {
  let top = -Infinity;
  for (const x of logits) if (x > top) top = x;
  let sum = 0;
  const weights = logits.map((x) => {
    const weight = Math.exp(x - top);
    sum += weight;
    return weight;
  });
  return weights.map((weight) => weight / sum);
}
