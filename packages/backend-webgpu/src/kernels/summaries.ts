import type { Geometry } from "@spaattn/attention";
import { assemble, f32, type Kernel, type KernelSource, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import { LOWEST } from "../wgsl/reduce.js";
import type { Storage } from "../wgsl/storage.js";

export interface SummaryShape {
  readonly geometry: Geometry;
  readonly keys: Storage;
  readonly values: Storage;
  readonly strataPerBlock: number;
}

/** What both kernels begin with: the softmax weights of a block's keys at one anchor, within each stratum. */
function common({ geometry, keys, strataPerBlock: c }: SummaryShape) {
  const { headDim, blockSize: B } = geometry;
  const size = B / c;
  return {
    slots: [read("key", keys), read("anchor", "f32x4"), read("order", "i32")],
    params: [...blockParams(geometry), ...u32("groups"), ...f32("scale", "minus_infinity")],
    workgroup: [B],
    module: `${blockFunctions}
const LANES = ${headDim / 4}u;
var<workgroup> token: array<u32, ${B}>;
var<workgroup> logit: array<f32, ${B}>;
var<workgroup> weight: array<f32, ${B}>;
var<workgroup> channel_sum: array<f32, ${(c * headDim) / 4}>;
var<workgroup> normaliser: array<f32, ${c}>;`,
    body: `
  let end = wid.x * p.block_size + block_count(wid.x);
  let group = wid.z * p.groups + wid.y;
  let slot = u32(load_order((wid.z * p.blocks + wid.x) * p.block_size + lid));
  token[lid] = slot;
  var z = ${LOWEST};
  if (slot < end) {
    var products = vec4f(0);
    for (var ch = 0u; ch < trips(LANES); ch++) {
      products += load_anchor(group * LANES + ch) * load_key((wid.z * p.tokens + slot) * LANES + ch);
    }
    z = p.scale * dot(products, vec4f(1));
  }
  logit[lid] = z;
  workgroupBarrier();
  let mine = (lid / ${size}u) * ${size}u;
  var top = ${LOWEST};
  for (var r = 0u; r < trips(${size}u); r++) { top = max(top, logit[mine + r]); }
  var sum = 0.0;
  for (var r = 0u; r < trips(${size}u); r++) {
    if (token[mine + r] < end) { sum += exp(logit[mine + r] - top); }
  }
  weight[lid] = select(0.0, exp(z - top) / max(sum, 1.0e-37), slot < end);
  if (lid % ${size}u == 0u) { normaliser[lid / ${size}u] = select(${LOWEST}, top + log(sum), sum > 0.0); }
  workgroupBarrier();
  let strata = (group * p.blocks + wid.x) * ${c}u;`,
  } satisfies Partial<KernelSource>;
}

/** Key, spread and mass of every stratum of a block at one anchor (docs/tail.md#summaries): one workgroup. */
export function strataKeysKernel(shape: SummaryShape): Kernel {
  const { strataPerBlock: c, geometry } = shape;
  const start = common(shape);
  const size = geometry.blockSize / c;
  return assemble({
    ...start,
    name: "summarize.keys",
    slots: [...start.slots, write("strata_key", "f32x4"), write("strata_mass", "f32"), write("strata_spread", "f32x4")],
    body: `${start.body}
  for (var i = lid; i < ${c}u * LANES; i += p.block_size) {
    let first = (i / LANES) * ${size}u;
    let lane = i % LANES;
    var mean = vec4f(0);
    for (var r = first; r < trips(first + ${size}u); r++) {
      if (token[r] < end) { mean += weight[r] * load_key((wid.z * p.tokens + token[r]) * LANES + lane); }
    }
    // About the stratum's own mean: no cancellation, so nothing to clamp.
    var spread = vec4f(0);
    for (var r = first; r < trips(first + ${size}u); r++) {
      if (token[r] < end) {
        let away = load_key((wid.z * p.tokens + token[r]) * LANES + lane) - mean;
        spread += weight[r] * away * away;
      }
    }
    store_strata_key(strata * LANES + i, mean);
    store_strata_spread(strata * LANES + i, spread);
    channel_sum[i] = dot(load_anchor(group * LANES + lane), mean);
  }
  workgroupBarrier();
  if (lid < ${c}u) {
    var tangent = 0.0;
    for (var ch = 0u; ch < trips(LANES); ch++) { tangent += channel_sum[lid * LANES + ch]; }
    let mass = normaliser[lid] - p.scale * tangent;
    store_strata_mass(strata + lid, select(mass, p.minus_infinity, normaliser[lid] < -1.0e30));
  }`,
  });
}

/** Value and noise of every stratum of a block at one anchor: one workgroup. */
export function strataValuesKernel(shape: SummaryShape): Kernel {
  const { strataPerBlock: c, geometry, values } = shape;
  const start = common(shape);
  const size = geometry.blockSize / c;
  return assemble({
    ...start,
    name: "summarize.values",
    slots: [...start.slots, read("value", values), write("strata_value", "f32x4"), write("strata_noise", "f32")],
    body: `${start.body}
  for (var i = lid; i < ${c}u * LANES; i += p.block_size) {
    let first = (i / LANES) * ${size}u;
    let lane = i % LANES;
    var mean = vec4f(0);
    for (var r = first; r < trips(first + ${size}u); r++) {
      if (token[r] < end) { mean += weight[r] * load_value((wid.z * p.tokens + token[r]) * LANES + lane); }
    }
    var noise = vec4f(0);
    for (var r = first; r < trips(first + ${size}u); r++) {
      if (token[r] < end) {
        let away = load_value((wid.z * p.tokens + token[r]) * LANES + lane) - mean;
        noise += weight[r] * away * away;
      }
    }
    store_strata_value(strata * LANES + i, mean);
    channel_sum[i] = dot(noise, vec4f(1));
  }
  workgroupBarrier();
  if (lid < ${c}u) {
    var noise = 0.0;
    for (var ch = 0u; ch < trips(LANES); ch++) { noise += channel_sum[lid * LANES + ch]; }
    store_strata_noise(strata + lid, noise);
  }`,
  });
}
