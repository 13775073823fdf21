import { levelStart, nodeRowCount } from "@spaattn/attention";
import { dot, type HeadShape } from "@spaattn/mask";
import { type Summaries, summarize } from "../tail/summaries.js";

export interface NodesInput {
  /** `[N, d]` */
  readonly key: Float64Array;
  /** `[N, d]` */
  readonly value: Float64Array;
  /** `[g, d]` */
  readonly anchor: Float64Array;
  /** `[n * B]` slot to token index, nested */
  readonly order: Int32Array;
  /** L */
  readonly depth: number;
  /** s */
  readonly scale: number;
}

/** Summaries of the nodes of all levels, rows as in `tree.ts`: the leaves from tokens, the others by merging. */
export function nodeSummaries(input: NodesInput, shape: HeadShape): Summaries {
  const { anchor, order, depth, scale } = input;
  const { headDim: d, blockSize } = shape;
  const [n, groups] = [order.length / blockSize, anchor.length / d];
  const rows = nodeRowCount(n, depth);
  const leaves = summarize({ ...input, strataPerBlock: 2 ** depth }, shape);
  const all: Summaries = {
    key: new Float64Array(groups * rows * d),
    value: new Float64Array(groups * rows * d),
    mass: new Float64Array(groups * rows).fill(Number.NEGATIVE_INFINITY),
    spread: new Float64Array(groups * rows * d),
    noise: new Float64Array(groups * rows),
  };
  const first = levelStart(n, depth);
  const count = n * 2 ** depth;
  for (let g = 0; g < groups; g++) {
    for (const name of ["key", "value", "mass", "spread", "noise"] as const) {
      const width = leaves[name].length / (groups * count);
      const from = leaves[name].subarray(g * count * width, (g + 1) * count * width);
      all[name].set(from, (g * rows + first) * width);
    }
    const own = anchor.subarray(g * d, (g + 1) * d);
    for (let level = depth - 1; level >= 0; level--)
      for (let u = 0; u < n * 2 ** level; u++) {
        const child = g * rows + levelStart(n, level + 1) + 2 * u;
        mergePair(all, g * rows + levelStart(n, level) + u, child, own, scale);
      }
  }
  return all;
}

/**
 * Makes row `to` the summary of rows `child` and `child + 1` (levels.md section 2):
 *
 *     M_c = m_c + s a·k̃_c      M = log Σ e^{M_c}      w_c = e^{M_c − M}
 *     k̃ = Σ w_c k̃_c      ṽ = Σ w_c ṽ_c      m = M − s a·k̃
 *     κ = Σ w_c (κ_c + (k̃_c − k̃)²)      ν = Σ w_c (ν_c + ‖ṽ_c − ṽ‖²)
 */
function mergePair(all: Summaries, to: number, child: number, anchor: Float64Array, scale: number): void {
  const d = anchor.length;
  const children = [child, child + 1].filter((row) => all.mass[row] > Number.NEGATIVE_INFINITY);
  if (children.length === 0) return;
  const masses = children.map((row) => all.mass[row] + scale * dot(anchor, 0, all.key, row, d));
  const highest = Math.max(...masses);
  const mass = highest + Math.log(masses.reduce((sum, m) => sum + Math.exp(m - highest), 0));
  const weights = masses.map((m) => Math.exp(m - mass));
  children.forEach((row, c) => {
    for (let ch = 0; ch < d; ch++) {
      all.key[to * d + ch] += weights[c] * all.key[row * d + ch];
      all.value[to * d + ch] += weights[c] * all.value[row * d + ch];
    }
  });
  children.forEach((row, c) => {
    let distance = 0;
    for (let ch = 0; ch < d; ch++) {
      const gap = all.key[row * d + ch] - all.key[to * d + ch];
      all.spread[to * d + ch] += weights[c] * (all.spread[row * d + ch] + gap * gap);
      distance += (all.value[row * d + ch] - all.value[to * d + ch]) ** 2;
    }
    all.noise[to] += weights[c] * (all.noise[row] + distance);
  });
  all.mass[to] = mass - scale * dot(anchor, 0, all.key, to, d);
}
