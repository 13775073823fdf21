import type { HostTensor } from "@spaattn/core";
import { levelStart } from "@spaattn/rectify";
import { compareExact, compareFloats, type Outcome } from "../check.js";
import type { HostResults } from "../evaluate.js";
import type { LevelsGolden, LevelsVariant } from "./levels-input.js";

export interface LevelsContext {
  readonly tolerance: number;
  readonly report: (tensor: string, outcome: Outcome) => void;
}

const SUMMARIES = { m: "nodeMass", kt: "nodeKey", vt: "nodeValue", kappa: "nodeSpread", nu: "nodeNoise" } as const;

/** Entries below this share of the largest of their level are not compared one by one, and the others this closely. */
const SMALL = 1e-6;
const SINGLE = 1e-2;

/** What does not depend on the budget: orders, clusters, summaries, probes and error estimates. */
export function checkLevelsSet(
  got: HostResults,
  base: LevelsGolden,
  variant: LevelsVariant,
  context: LevelsContext,
): void {
  const { meta } = base;
  const { report, tolerance } = context;
  const name = (tensor: string) => `${variant.set}.${tensor}`;
  const exact = (tensor: string, ours: ArrayLike<number>) => {
    const expected = meta.tensor(name(tensor));
    report(name(tensor), compareExact(ours, expected.data, expected.shape));
  };
  const close = (tensor: string, ours: ArrayLike<number>) => {
    const expected = meta.tensor(name(tensor));
    report(name(tensor), compareFloats(ours, expected.toFloat32(), tolerance, expected.shape));
  };
  exact("order", got.order.data);
  exact("cluster", got.cluster.data);
  const groups = meta.tensor(name("anchors")).shape[2];
  close("anchors", prefixes(got.anchor, 2, groups));
  const n = meta.number("n_blocks");
  for (const [stored, ours] of Object.entries(SUMMARIES)) {
    const tensor = got[ours];
    close(`${stored}.0`, nodesOf(tensor, n, 0, groups));
    close(`${stored}.${variant.L}`, nodesOf(tensor, n, variant.L, 1));
  }
  if (got.probe) {
    close("probe", firstHeads(got.probe));
    exact("probe_count", firstHeads(got.probeCount));
  }
  for (const [stored, ours] of [
    ["S", got.probeError],
    ["E", got.momentError],
  ] as const)
    if (ours) {
      close(stored, firstHeads(ours));
      report(`${name(stored)} entry by entry`, singleEntries(firstHeads(ours), meta.tensor(name(stored))));
    }
}

/** Head 0 of every batch item of a `[b, h, ...]` tensor. */
export function firstHeads(tensor: HostTensor): Float64Array {
  const [batch, heads] = tensor.shape;
  const data = tensor.dtype === "f64" || tensor.dtype === "i32" ? tensor.data : tensor.toFloat32();
  const size = data.length / (batch * heads);
  const picked = new Float64Array(batch * size);
  for (let item = 0; item < batch; item++)
    picked.set(data.subarray(item * heads * size, (item * heads + 1) * size), item * size);
  return picked;
}

/** The first `count` entries along an axis. */
function prefixes(tensor: HostTensor, axis: number, count: number): Float64Array {
  const width = tensor.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const size = tensor.shape[axis] * width;
  const data = tensor.dtype === "f64" ? tensor.data : tensor.toFloat32();
  const picked = new Float64Array((data.length / size) * count * width);
  for (let at = 0; at < data.length / size; at++)
    picked.set(data.subarray(at * size, at * size + count * width), at * count * width);
  return picked;
}

/** The nodes of one level at the first `groups` anchors, of item 0 and head 0. */
function nodesOf(tensor: HostTensor, n: number, level: number, groups: number): Float64Array {
  const [rows, width] = [tensor.shape[3], tensor.shape[4] ?? 1];
  const count = n * 2 ** level * width;
  const data = firstHeads(tensor);
  const picked = new Float64Array(groups * count);
  for (let g = 0; g < groups; g++) {
    const from = (g * rows + levelStart(n, level)) * width;
    picked.set(data.subarray(from, from + count), g * count);
  }
  return picked;
}

/** Errors span many orders of magnitude: the larger ones of every level are compared relative to themselves. */
function singleEntries(got: Float64Array, expected: HostTensor): Outcome {
  const data = expected.toFloat32();
  const plane = expected.shape[2] * expected.shape[3];
  let worst = 0;
  for (let start = 0; start < data.length; start += plane) {
    const top = data.subarray(start, start + plane).reduce((a, b) => Math.max(a, b), 0);
    for (let at = start; at < start + plane; at++) {
      if (data[at] <= SMALL * top) continue;
      const error = Math.abs(got[at] - data[at]) / data[at];
      if (!(error <= SINGLE))
        return { ok: false, maxError: error, tolerance: SINGLE, firstIndex: [at], got: got[at], expected: data[at] };
      worst = Math.max(worst, error);
    }
  }
  return { ok: true, maxError: worst, tolerance: SINGLE };
}
