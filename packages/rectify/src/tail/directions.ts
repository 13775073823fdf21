import { blockMeans, dot, type HeadShape } from "@spaattn/mask";

/** w / max(‖w‖, 1e-30), in place. */
export function normalise(w: Float64Array): Float64Array {
  let square = 0;
  for (const x of w) square += x * x;
  const length = Math.max(Math.sqrt(square), 1e-30);
  for (let ch = 0; ch < w.length; ch++) w[ch] /= length;
  return w;
}

/** Makes the component of largest magnitude (lowest index if equal) non-negative, in place. */
export function fixSign(w: Float64Array): Float64Array {
  let largest = 0;
  for (let ch = 1; ch < w.length; ch++) if (Math.abs(w[ch]) > Math.abs(w[largest])) largest = ch;
  if (w[largest] < 0) for (let ch = 0; ch < w.length; ch++) w[ch] = -w[ch];
  return w;
}

/**
 * The direction along which centred rows `x` `[rows, d]` vary most, by a fixed number of power iterations from a fixed
 * start: a smooth function of the data, also where eigenvalues nearly coincide (docs/tail.md#strata, "local").
 */
export function localDirection(x: Float64Array, d: number, steps: number): Float64Array {
  const rows = x.length / d;
  let w: Float64Array = Float64Array.from({ length: d }, (_, ch) => Math.cos(ch));
  for (let step = 0; step < steps; step++) {
    const next = new Float64Array(d);
    for (let r = 0; r < rows; r++) {
      const along = dot(x, r, w, 0, d);
      for (let ch = 0; ch < d; ch++) next[ch] += along * x[r * d + ch];
    }
    w = normalise(next);
  }
  return fixSign(w);
}

const apply = (matrix: Float64Array, w: Float64Array): Float64Array => {
  const d = w.length;
  return Float64Array.from({ length: d }, (_, row) => dot(matrix, row, w, 0, d));
};

/** Σ x xᵀ / rows of the sampled rows, about `centre(row)` where there is one. */
function secondMoment(x: Float64Array, d: number, sample: readonly number[], centre?: Float64Array, blockSize = 1) {
  const moment = new Float64Array(d * d);
  const row = new Float64Array(d);
  for (const a of sample) {
    const at = Math.floor(a / blockSize) * d;
    for (let ch = 0; ch < d; ch++) row[ch] = x[a * d + ch] - (centre ? centre[at + ch] : 0);
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) moment[i * d + j] += (row[i] * row[j]) / sample.length;
  }
  return moment;
}

/**
 * Two directions shared by all blocks of a head: the leading eigenvectors of M W, with W the covariance of the keys
 * inside their blocks and M the second moment of the queries, from every `stride`-th token (docs/tail.md#strata, "eigen").
 */
export function sharedDirections(
  query: Float64Array,
  key: Float64Array,
  shape: HeadShape,
  steps: number,
): readonly [Float64Array, Float64Array] {
  const { visualTokens, headDim: d, blockSize } = shape;
  const stride = Math.max(1, Math.floor(visualTokens / 8192));
  const sample = Array.from({ length: Math.ceil(visualTokens / stride) }, (_, i) => i * stride);
  const within = secondMoment(key, d, sample, blockMeans(key, shape), blockSize);
  const metric = secondMoment(query, d, sample);
  let w1: Float64Array = Float64Array.from({ length: d }, (_, ch) => Math.cos(ch));
  let w2: Float64Array = Float64Array.from({ length: d }, (_, ch) => Math.sin(ch));
  for (let step = 0; step < steps; step++) {
    w1 = normalise(apply(metric, apply(within, w1)));
    const next = apply(metric, apply(within, w2));
    const along = apply(within, w1);
    // Without any variation inside blocks both products are 0: there is nothing to remove.
    const share = dot(along, 0, next, 0, d) / (dot(along, 0, w1, 0, d) || 1);
    w2 = normalise(next.map((x, ch) => x - share * w1[ch]));
  }
  return [fixSign(w1), fixSign(w2)];
}
