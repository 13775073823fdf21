import type { Geometry } from "@spaattn/attention";
import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import type { Storage } from "../wgsl/storage.js";
import { range } from "./tile-parts.js";

export interface PoolShape {
  readonly geometry: Geometry;
  readonly storage: Storage;
  /** Which second statistic to write: the mean absolute deviation, the variance, or none. */
  readonly spread: "deviation" | "variance" | "none";
  /** `zero`: missing tokens of the last block count as zeros. */
  readonly padding: "valid" | "zero";
}

const GROUPS = 4;

/**
 * Mean, and deviation or variance about it, of one block of one tensor: one workgroup. An invocation keeps its four channels
 * of a few rows in registers, so that the tensor is read once.
 */
export function poolKernel({ geometry, storage, spread, padding }: PoolShape): Kernel {
  const lanes = geometry.headDim / 4;
  const slices = Math.max(1, Math.min(16, Math.floor(256 / lanes)));
  const rows = range(Math.ceil(geometry.blockSize / slices), (n) => n);
  const gather = `
  workgroupBarrier();
  part[lid] = sum;
  workgroupBarrier();
  sum = part[lane];
  for (var s = 1u; s < trips(${slices}u); s++) { sum += part[s * LANES + lane]; }`;
  const inside = (n: number) => `slice + ${n * slices}u < count`;
  const distance = spread === "deviation" ? "abs(x)" : "x * x";
  const padded =
    padding === "zero" ? `if (slice == 0u) { let x = mean; sum += f32(p.block_size - count) * ${distance}; }` : "";
  return assemble({
    name: `pool.${spread}`,
    slots: [read("rows", storage), write("mean", "f32x4"), ...(spread === "none" ? [] : [write("spread", "f32x4")])],
    params: blockParams(geometry),
    workgroup: [lanes * slices],
    module: `${blockFunctions}
const LANES = ${lanes}u;
var<workgroup> part: array<vec4f, ${lanes * slices}>;`,
    body: `
  let lane = lid % LANES;
  let slice = lid / LANES;
  let count = block_count(wid.x);
  let first = (wid.z * p.tokens + wid.x * p.block_size) * LANES + lane;
  let divisor = f32(${padding === "zero" ? "p.block_size" : "count"});
  ${rows.map((n) => `let row${n} = load_rows(first + min(slice + ${n * slices}u, count - 1u) * LANES);`).join("\n  ")}
  var sum = vec4f(0);
  ${rows.map((n) => `sum += select(vec4f(0), row${n}, ${inside(n)});`).join(" ")}
  ${gather}
  let mean = sum / divisor;
  let out = (wid.z * p.blocks + wid.x) * LANES + lane;
  if (slice == 0u) { store_mean(out, mean); }
  ${
    spread === "none"
      ? ""
      : `
  sum = vec4f(0);
  ${rows.map((n) => `{ let x = row${n} - mean; sum += select(vec4f(0), ${distance}, ${inside(n)}); }`).join(" ")}
  ${padded}
  ${gather}
  if (slice == 0u) { store_spread(out, sum / divisor); }`
  }`,
  });
}

/** Mean query of each anchor group, from the block means; one workgroup per group. */
export function anchorKernel(geometry: Geometry): Kernel {
  const lanes = geometry.headDim / 4;
  return assemble({
    name: "pool.anchor",
    slots: [read("mean", "f32x4"), write("anchor", "f32x4")],
    params: [...blockParams(geometry), ...u32("group", "groups")],
    workgroup: [lanes * GROUPS],
    module: `${blockFunctions}
const LANES = ${lanes}u;
var<workgroup> part: array<vec4f, ${lanes * GROUPS}>;`,
    body: `
  let lane = lid % LANES;
  let slice = lid / LANES;
  let first = wid.x * p.group;
  let end = min(p.blocks, first + p.group);
  var sum = vec4f(0);
  for (var b = first + slice; b < end; b += ${GROUPS}u) {
    sum += f32(block_count(b)) * load_mean((wid.z * p.blocks + b) * LANES + lane);
  }
  part[lid] = sum;
  workgroupBarrier();
  if (slice > 0u) { return; }
  for (var g = 1u; g < ${GROUPS}u; g++) { sum += part[g * LANES + lane]; }
  let valid = min(p.visual, end * p.block_size) - first * p.block_size;
  store_anchor((wid.z * p.groups + wid.x) * LANES + lane, sum / f32(valid));`,
  });
}

/** Turns the variance of a block's queries into their second moment about the anchor of its group. */
export function aboutAnchorKernel(geometry: Geometry): Kernel {
  const lanes = geometry.headDim / 4;
  return assemble({
    name: "pool.aboutAnchor",
    slots: [read("mean", "f32x4"), read("anchor", "f32x4"), write("spread", "f32x4")],
    params: u32("blocks", "group", "groups"),
    workgroup: [64],
    body: `
  let i = wid.x * 64u + lid;
  if (i >= p.blocks * ${lanes}u) { return; }
  let block = i / ${lanes}u;
  let at = wid.z * p.blocks * ${lanes}u + i;
  let shift = load_mean(at) - load_anchor((wid.z * p.groups + block / p.group) * ${lanes}u + i % ${lanes}u);
  store_spread(at, load_spread(at) + shift * shift);`,
  });
}
