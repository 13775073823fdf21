import type { Grid } from "@spaattn/layout";
import type { RotaryFormula } from "./card.js";

/**
 * Rotary factors of the visual tokens. Channels `2p` and `2p + 1` of a head form pair `p`; it turns by the angle whose
 * cosine and sine stand at `[token, p]`. Text tokens are not rotated (Flux gives them position 0, which is the same).
 */
export interface RotaryTable {
  /** `[tokens, headDim / 2]` */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly pairs: number;
}

/**
 * The three-axis rotary table of a token grid, row-major: angle `position * theta ** (-2p / dim)` for pair `p` of the
 * `dim` channels of an axis, the axes t, h, w one after the other, positions counted from 0 in tokens.
 *
 * This is the published formula of all five families (positions as in their own pipelines; docs/models.md#table has
 * the sources' constants): Su et al., RoFormer (arXiv 2104.09864), eq. 34; per-axis split as in HunyuanVideo
 * (arXiv 2412.03603), Wan (arXiv 2503.20314), FLUX.1 and CogVideoX (arXiv 2408.06072). CogVideoX1.5 takes its positions
 * as a slice of a longer table, hence unscaled.
 */
export function rotaryTable(formula: RotaryFormula, grid: Grid): RotaryTable {
  const [t, h, w] = grid;
  const tokens = t * h * w;
  const pairs = formula.axes.reduce((sum, dim) => sum + dim, 0) / 2;
  const cos = new Float32Array(tokens * pairs);
  const sin = new Float32Array(tokens * pairs);
  const strides = [h * w, w, 1];
  let first = 0;
  for (const [axis, dim] of formula.axes.entries()) {
    const half = dim / 2;
    const [c, s] = axisTable(formula.theta, dim, grid[axis]);
    for (let token = 0; token < tokens; token++) {
      const position = Math.floor(token / strides[axis]) % grid[axis];
      for (let p = 0; p < half; p++) {
        cos[token * pairs + first + p] = c[position * half + p];
        sin[token * pairs + first + p] = s[position * half + p];
      }
    }
    first += half;
  }
  return { cos, sin, pairs };
}

function axisTable(theta: number, dim: number, length: number): [Float64Array, Float64Array] {
  const half = dim / 2;
  const angles = Float64Array.from({ length: length * half }, (_, i) => {
    const p = i % half;
    return ((i - p) / half) * theta ** ((-2 * p) / dim);
  });
  return [angles.map(Math.cos), angles.map(Math.sin)];
}
