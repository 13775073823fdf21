import { blockCount, type HeadShape } from "@spaattn/mask";

/** Query blocks that share an anchor. */
export interface Clusters {
  /** `[n]`: cluster of each query block, numbered from 0 without gaps */
  readonly cluster: Int32Array;
  /** g */
  readonly count: number;
}

const ROUNDS = 10;

/** Clusters to ask for: `min(16, ceil(n / 4))`. */
export const defaultClusters = (blocks: number): number => Math.min(16, Math.ceil(blocks / 4));

/**
 * Groups query blocks by their mean query: farthest-point start, then ten rounds of k-means of which the last assignment
 * counts (levels.md section 2). Every block weighs the same; clusters without blocks are dropped.
 *
 * @param queryMean `[n, d]`
 * @param wanted clusters to start from
 */
export function clusterBlocks(queryMean: Float64Array, headDim: number, wanted: number): Clusters {
  const n = queryMean.length / headDim;
  const centres = farthestBlocks(queryMean, headDim, Math.min(wanted, n));
  const count = centres.length / headDim;
  const assigned = new Int32Array(n);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < n; i++) assigned[i] = nearest(queryMean, i, centres, headDim);
    if (round < ROUNDS - 1) moveCentres(queryMean, assigned, centres, headDim);
  }
  const number = new Int32Array(count).fill(-1);
  let used = 0;
  for (let c = 0; c < count; c++) if (assigned.includes(c)) number[c] = used++;
  return { cluster: assigned.map((c) => number[c]), count: used };
}

function distance(x: Float64Array, a: number, y: Float64Array, b: number, d: number): number {
  let sum = 0;
  for (let ch = 0; ch < d; ch++) sum += (x[a * d + ch] - y[b * d + ch]) ** 2;
  return sum;
}

/** `[g, d]`: the block farthest from the average of all, then always the one farthest from those chosen. */
function farthestBlocks(queryMean: Float64Array, d: number, wanted: number): Float64Array {
  const n = queryMean.length / d;
  const centres = new Float64Array(wanted * d);
  const average = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let ch = 0; ch < d; ch++) average[ch] += queryMean[i * d + ch] / n;
  let gap = Float64Array.from({ length: n }, (_, i) => distance(queryMean, i, average, 0, d));
  for (let c = 0; c < wanted; c++) {
    const far = gap.indexOf(gap.reduce((a, b) => Math.max(a, b)));
    centres.set(queryMean.subarray(far * d, (far + 1) * d), c * d);
    if (c === 0) gap = gap.fill(Number.POSITIVE_INFINITY);
    gap = gap.map((before, i) => Math.min(before, distance(queryMean, i, queryMean, far, d)));
  }
  return centres;
}

function nearest(queryMean: Float64Array, i: number, centres: Float64Array, d: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let c = 0; c < centres.length / d; c++) {
    const gap = distance(queryMean, i, centres, c, d);
    if (gap < least) [best, least] = [c, gap];
  }
  return best;
}

/** Each centre becomes the average of its blocks; one without blocks stays where it is. */
function moveCentres(queryMean: Float64Array, assigned: Int32Array, centres: Float64Array, d: number): void {
  for (let c = 0; c < centres.length / d; c++) {
    const blocks = assigned.reduce((sum, own) => sum + Number(own === c), 0);
    if (blocks === 0) continue;
    const centre = centres.subarray(c * d, (c + 1) * d).fill(0);
    assigned.forEach((own, i) => {
      if (own === c) for (let ch = 0; ch < d; ch++) centre[ch] += queryMean[i * d + ch];
    });
    for (let ch = 0; ch < d; ch++) centre[ch] /= blocks;
  }
}

/** Anchors `[g, d]`: the mean of all valid queries of a cluster's blocks (levels.md section 2). */
export function clusterAnchors(query: Float64Array, { cluster, count }: Clusters, shape: HeadShape): Float64Array {
  const { visualTokens, headDim: d, blockSize } = shape;
  const anchor = new Float64Array(count * d);
  const tokens = new Float64Array(count);
  for (let a = 0; a < visualTokens; a++) {
    const c = cluster[Math.floor(a / blockSize)];
    tokens[c]++;
    for (let ch = 0; ch < d; ch++) anchor[c * d + ch] += query[a * d + ch];
  }
  return anchor.map((sum, at) => sum / tokens[Math.floor(at / d)]);
}

/** ρ `[n, d]`: second moment of each block's queries about the anchor of its cluster. */
export function clusterSpread(
  query: Float64Array,
  anchor: Float64Array,
  { cluster }: Clusters,
  shape: HeadShape,
): Float64Array {
  const { visualTokens, headDim: d, blockSize } = shape;
  const spread = new Float64Array(blockCount(shape) * d);
  for (let a = 0; a < visualTokens; a++) {
    const i = Math.floor(a / blockSize);
    const tokens = Math.min(blockSize, visualTokens - i * blockSize);
    for (let ch = 0; ch < d; ch++)
      spread[i * d + ch] += (query[a * d + ch] - anchor[cluster[i] * d + ch]) ** 2 / tokens;
  }
  return spread;
}
