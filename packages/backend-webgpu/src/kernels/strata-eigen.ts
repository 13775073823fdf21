import type { Geometry } from "@spaattn/attention";
import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import type { Storage } from "../wgsl/storage.js";

const TILE = 16;

/**
 * Second moments of the sampled tokens of a head (docs/tail.md#strata, "eigen"): matrix 0 of the keys about their block
 * means, matrix 1 of the queries. One workgroup per 16 x 16 tile of a matrix.
 */
export function momentsKernel(geometry: Geometry, storage: Storage): Kernel {
  const { headDim: d } = geometry;
  const lanes = d / 4;
  const tiles = Math.ceil(d / TILE);
  return assemble({
    name: "summarize.moments",
    slots: [read("query", storage), read("key", storage), read("key_mean", "f32x4"), write("moments", "f32")],
    params: [...blockParams(geometry), ...u32("token_step", "samples")],
    workgroup: [TILE, TILE],
    module: `${blockFunctions}
const LANES = ${lanes}u;
var<workgroup> left: array<vec4f, ${(TILE * TILE) / 4}>;
var<workgroup> right: array<vec4f, ${(TILE * TILE) / 4}>;
fn sample(head: u32, index: u32, lane: u32, of_query: bool) -> vec4f {
  if (index >= p.samples || lane >= LANES) { return vec4f(0); }
  let token = index * p.token_step;
  let at = (head * p.tokens + token) * LANES + lane;
  if (of_query) { return load_query(at); }
  return load_key(at) - load_key_mean((head * p.blocks + token / p.block_size) * LANES + lane);
}`,
    body: `
  let of_query = wid.y == 1u;
  let row = wid.x / ${tiles}u;
  let column = wid.x % ${tiles}u;
  let y = lid / ${TILE}u;
  let x = lid % ${TILE}u;
  var sum = 0.0;
  for (var s = 0u; s < p.samples; s += ${TILE}u) {
    workgroupBarrier();
    if (lid < ${(TILE * TILE) / 4}u) { left[lid] = sample(wid.z, s + lid / 4u, row * 4u + lid % 4u, of_query); }
    if (lid >= ${TILE * TILE - (TILE * TILE) / 4}u) {
      let i = lid - ${TILE * TILE - (TILE * TILE) / 4}u;
      right[i] = sample(wid.z, s + i / 4u, column * 4u + i % 4u, of_query);
    }
    workgroupBarrier();
    for (var t = 0u; t < trips(${TILE}u); t++) { sum += left[t * 4u + y / 4u][y % 4u] * right[t * 4u + x / 4u][x % 4u]; }
  }
  let r = row * ${TILE}u + y;
  let c = column * ${TILE}u + x;
  if (r < ${d}u && c < ${d}u) {
    store_moments(((wid.z * 2u + wid.y) * ${d}u + r) * ${d}u + c, sum / f32(p.samples));
  }`,
  });
}

/** Two directions of a head by power iteration with the product of both moments: one workgroup per head. */
export function directionsKernel(headDim: number): Kernel {
  const d = headDim;
  return assemble({
    name: "summarize.directions",
    slots: [read("moments", "f32"), write("direction", "f32")],
    params: u32("steps"),
    workgroup: [d],
    module: `
var<workgroup> w: array<f32, ${2 * d}>;
var<workgroup> t: array<f32, ${2 * d}>;
var<workgroup> scalar: array<f32, 2>;
fn apply(head: u32, matrix: u32, row: u32, which: u32, from_t: bool) -> f32 {
  let at = ((head * 2u + matrix) * ${d}u + row) * ${d}u;
  var sum = 0.0;
  for (var c = 0u; c < trips(${d}u); c++) {
    sum += load_moments(at + c) * select(w[which * ${d}u + c], t[which * ${d}u + c], from_t);
  }
  return sum;
}
fn product(a: u32, b: u32, with_t: bool) -> f32 {
  var sum = 0.0;
  for (var c = 0u; c < trips(${d}u); c++) { sum += w[a * ${d}u + c] * select(w[b * ${d}u + c], t[b * ${d}u + c], with_t); }
  return sum;
}`,
    body: `
  let head = wid.z;
  w[lid] = cos(f32(lid));
  w[${d}u + lid] = sin(f32(lid));
  workgroupBarrier();
  for (var step = 0u; step < p.steps; step++) {
    for (var v = 0u; v < 2u; v++) { t[v * ${d}u + lid] = apply(head, 0u, lid, v, false); }
    workgroupBarrier();
    for (var v = 0u; v < 2u; v++) { w[v * ${d}u + lid] = apply(head, 1u, lid, v, true); }
    workgroupBarrier();
    if (lid == 0u) { scalar[0] = max(sqrt(product(0u, 0u, false)), 1.0e-30); }
    workgroupBarrier();
    w[lid] = w[lid] / scalar[0];
    workgroupBarrier();
    // Take what both directions share, in the metric of the keys, out of the second.
    t[lid] = apply(head, 0u, lid, 0u, false);
    t[${d}u + lid] = apply(head, 0u, lid, 1u, false);
    workgroupBarrier();
    if (lid == 0u) {
      let own = product(0u, 0u, true);
      scalar[1] = select(0.0, product(0u, 1u, true) / own, own > 0.0);
    }
    workgroupBarrier();
    w[${d}u + lid] = w[${d}u + lid] - scalar[1] * w[lid];
    workgroupBarrier();
    if (lid == 0u) { scalar[0] = max(sqrt(product(1u, 1u, false)), 1.0e-30); }
    workgroupBarrier();
    w[${d}u + lid] = w[${d}u + lid] / scalar[0];
    workgroupBarrier();
  }
  if (lid < 2u) {
    var most = -1.0;
    var sign = 1.0;
    for (var c = 0u; c < trips(${d}u); c++) {
      let v = w[lid * ${d}u + c];
      if (abs(v) > most) { most = abs(v); sign = select(1.0, -1.0, v < 0.0); }
    }
    scalar[lid] = sign;
  }
  workgroupBarrier();
  for (var v = 0u; v < 2u; v++) { store_direction((head * 2u + v) * ${d}u + lid, scalar[v] * w[v * ${d}u + lid]); }`,
  });
}

export const momentTiles = (headDim: number): number => Math.ceil(headDim / TILE) ** 2;
