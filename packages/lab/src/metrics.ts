import type { HostTensor } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";

/**
 * What the figures of a comparison mean.
 *
 * `equal`: there is no difference, and PSNR has no bound. `differs`: all figures are numbers. `notFinite`: one of the
 * outputs holds NaN or infinities, and no figure says anything. `zeroReference`: dense attention is zero throughout, so
 * nothing is relative to it.
 */
export type QualityState = "equal" | "differs" | "notFinite" | "zeroReference";

/** How far an output is from dense attention's, over the visual rows. */
export interface Quality {
  readonly state: QualityState;
  /** `|out - dense| / |dense|`; NaN where `state` is `notFinite`, infinite where it is `zeroReference`. */
  readonly relL2: number;
  readonly cosine: number;
  /** Decibels; of pixels (peak 255) when values are pixels, else with the dense output's range as peak. Infinite when equal. */
  readonly psnr: number;
}

interface Sums {
  difference: number;
  /** Squared difference in the units of `peak`. */
  visible: number;
  dense: number;
  out: number;
  dot: number;
  count: number;
}

/** Quality of every head, and of all together. */
export function measureQuality(
  output: HostTensor,
  dense: HostTensor,
  inputs: LabInputs,
): { all: Quality; heads: Quality[] } {
  const { heads, headDim, visualTokens, batch = 1 } = inputs.spec;
  const tokens = output.shape[2];
  const [a, b] = [output.toFloat32(), dense.toFloat32()];
  const peak = inputs.patches ? 255 : range(b);
  const units = visibleUnits(inputs);
  const perHead = Array.from({ length: batch * heads }, (_, h) => {
    const sums: Sums = {
      difference: 0,
      visible: 0,
      dense: 0,
      out: 0,
      dot: 0,
      count: visualTokens * valueChannels(inputs),
    };
    const start = h * tokens * headDim;
    for (let i = start; i < start + visualTokens * headDim; i++) {
      const square = (a[i] - b[i]) ** 2;
      sums.difference += square;
      sums.visible += square * units[i % headDim];
      sums.dense += b[i] ** 2;
      sums.out += a[i] ** 2;
      sums.dot += a[i] * b[i];
    }
    return sums;
  });
  const total = perHead.reduce((x, y) => ({
    difference: x.difference + y.difference,
    visible: x.visible + y.visible,
    dense: x.dense + y.dense,
    out: x.out + y.out,
    dot: x.dot + y.dot,
    count: x.count + y.count,
  }));
  return { all: toQuality(total, peak), heads: perHead.map((sums) => toQuality(sums, peak)) };
}

/** Channels of a value that carry pixels; the others are zero and would dilute a mean. */
const valueChannels = (inputs: LabInputs): number => inputs.patches?.channels ?? inputs.spec.headDim;

/** `[headDim]`: squared pixel units per squared unit of value; 1 where values are no pixels. */
function visibleUnits({ patches, spec }: LabInputs): Float64Array {
  if (!patches) return new Float64Array(spec.headDim).fill(1);
  return Float64Array.from({ length: spec.headDim }, (_, i) =>
    i < patches.channels ? patches.deviation[i % 3] ** 2 : 0,
  );
}

function range(values: Float32Array): number {
  let [low, high] = [Infinity, -Infinity];
  for (const x of values) {
    if (!Number.isFinite(x)) continue;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return high - low;
}

function toQuality(sums: Sums, peak: number): Quality {
  const { difference, visible, dense, out, dot, count } = sums;
  // Squares of finite numbers may overflow as well; either way nothing can be said.
  if (![difference, dense, out, dot].every(Number.isFinite))
    return { state: "notFinite", relL2: Number.NaN, cosine: Number.NaN, psnr: Number.NaN };
  const state = difference === 0 ? "equal" : dense === 0 ? "zeroReference" : "differs";
  return {
    state,
    relL2: dense === 0 ? (difference === 0 ? 0 : Infinity) : Math.sqrt(difference / dense),
    cosine: dense === 0 || out === 0 ? (difference === 0 ? 1 : 0) : dot / Math.sqrt(dense * out),
    psnr: 10 * Math.log10((peak * peak * count) / visible),
  };
}

/** Length of the error of every visual token `[tokens]` in raster order, one head or the root mean square of all. */
export function tokenErrors(
  output: HostTensor,
  dense: HostTensor,
  inputs: LabInputs,
  head: number | "all" = "all",
): Float32Array {
  const { heads, headDim, visualTokens, layout } = inputs.spec;
  const tokens = output.shape[2];
  const [a, b] = [output.toFloat32(), dense.toFloat32()];
  const chosen = head === "all" ? Array.from({ length: heads }, (_, i) => i) : [head];
  const errors = new Float32Array(visualTokens);
  for (let position = 0; position < visualTokens; position++) {
    let sum = 0;
    for (const h of chosen) {
      const start = (h * tokens + position) * headDim;
      for (let i = start; i < start + headDim; i++) sum += (a[i] - b[i]) ** 2;
    }
    errors[layout ? layout.order[position] : position] = Math.sqrt(sum / chosen.length);
  }
  return errors;
}
