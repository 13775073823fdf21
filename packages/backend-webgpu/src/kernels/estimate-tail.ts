import type { Geometry } from "@spaattn/attention";
import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import { LOWEST, reductions } from "../wgsl/reduce.js";
import { ROW_THREADS } from "../wgsl/select.js";
import { shiftFunction } from "../wgsl/shift.js";
import type { Storage } from "../wgsl/storage.js";
import { eachProduct, PRODUCT_THREADS, type Products, productBody, productMemory, productTile } from "./products.js";
import { range } from "./tile-parts.js";

/**
 * Logit variance tau and logit x of every stratum and text key for every query block (sections 5 and 6). Rows of a workgroup
 * share an anchor: `tiles` of them cover a group.
 */
export function tailLogitsKernel(geometry: Geometry, keys: Storage): Kernel {
  const lanes = geometry.headDim / 4;
  const { each, tile } = productTile(geometry.visualBlocks);
  const products: Products = {
    lanes,
    each,
    left: [
      `load_query_mean((wid.z * p.blocks + i) * ${lanes}u + c)`,
      `load_query_spread((wid.z * p.blocks + i) * ${lanes}u + c)`,
    ],
    right: ["column_key(wid.z, first_stratum, u, c)", "column_spread(first_stratum, u, c)"],
    pairs: [
      [0, 0],
      [1, 1],
    ],
  };
  return assemble({
    name: "estimate.tailLogits",
    slots: [
      read("query_mean", "f32x4"),
      read("query_spread", "f32x4"),
      read("strata_key", "f32x4"),
      read("strata_mass", "f32"),
      read("strata_spread", "f32x4"),
      read("key", keys),
      write("tau", "f32"),
      write("logits", "f32"),
    ],
    params: [
      ...blockParams(geometry),
      ...u32("strata", "columns", "group", "groups", "tiles"),
      ...f32("scale", "m_min"),
    ],
    workgroup: [PRODUCT_THREADS],
    module: `${blockFunctions}${shiftFunction}
${productMemory(products)}
fn column_key(head: u32, first_stratum: u32, u: u32, c: u32) -> vec4f {
  if (u < p.strata) { return load_strata_key((first_stratum + u) * ${lanes}u + c); }
  return load_key((head * p.tokens + p.visual + u - p.strata) * ${lanes}u + c);
}
fn column_spread(first_stratum: u32, u: u32, c: u32) -> vec4f {
  if (u < p.strata) { return load_strata_spread((first_stratum + u) * ${lanes}u + c); }
  return vec4f(0);
}`,
    body: `
  let group = wid.y / p.tiles;
  let row0 = group * p.group + (wid.y % p.tiles) * ${tile}u;
  let last_row = min((group + 1u) * p.group, p.blocks) - 1u;
  if (row0 > last_row) { return; }
  let column0 = wid.x * ${tile}u;
  let last_column = p.columns - 1u;
  let first_stratum = (wid.z * p.groups + group) * p.strata;
  ${productBody(products)}
  ${eachProduct(
    products,
    "i <= last_row && u < p.columns",
    ([score, spread]) => `let row = wid.z * p.blocks + i;
      var logit = p.scale * ${score};
      if (u < p.strata) {
        let mass = load_strata_mass(first_stratum + u);
        let empty = mass < -1.0e30;
        let tau = select(p.scale * p.scale * ${spread}, 0.0, empty);
        store_tau(row * p.strata + u, tau);
        logit = select(logit + mass + shift(tau, mass), ${LOWEST}, empty);
      }
      store_logits(row * p.columns + u, logit);`,
  )}`,
  });
}

export interface TailErrorShape {
  readonly geometry: Geometry;
  /** Storage of the values, for the text values. */
  readonly values: Storage;
  readonly strataPerBlock: number;
  /** Write E itself, for people who want to look. */
  readonly error: boolean;
}

/**
 * Logarithm of the estimated squared error E, and mass W, of every block of one row (section 6): one workgroup.
 *
 * The squares of small weights vanish in f32, so blocks are ranked by log E. It takes the place of the first logit of
 * each block, which nobody needs any more.
 */
export function tailErrorsKernel({ geometry, values, strataPerBlock, error }: TailErrorShape): Kernel {
  const lanes = geometry.headDim / 4;
  const T = ROW_THREADS;
  const groups = Math.floor(T / lanes);
  const distanceStep = lanes % 4 === 0 ? 4 : 2;
  return assemble({
    name: "estimate.tailErrors",
    slots: [
      write("logits", "f32"),
      read("tau", "f32"),
      read("strata_value", "f32x4"),
      read("strata_noise", "f32"),
      read("value", values),
      ...(error ? [write("error", "f32")] : []),
      write("mass", "f32"),
      write("text_mass", "f32"),
    ],
    params: [...blockParams(geometry), ...u32("strata", "columns", "group", "groups"), ...f32("tau_max")],
    workgroup: [T],
    module: `${blockFunctions}${reductions(T)}
var<workgroup> weight: array<f32, ${T}>;
var<workgroup> part: array<vec4f, ${T}>;
var<workgroup> center: array<vec4f, ${lanes}>;
fn weight_of(k: u32) -> f32 { if (k < ${T}u) { return weight[k]; } return 0.0; }
fn row_value(v: u32, first: u32, text_rows: u32, lane: u32) -> vec4f {
  if (v < p.strata) { return load_strata_value((first + v) * ${lanes}u + lane); }
  return load_value(text_rows + (v - p.strata) * ${lanes}u + lane);
}`,
    body: `
  let i = wid.x;
  let row = wid.z * p.blocks + i;
  let used = p.strata + valid_text((p.head0 + wid.z) / p.heads);
  let x = row * p.columns;
  let first = (wid.z * p.groups + i / p.group) * p.strata;
  let text_rows = (wid.z * p.tokens + p.visual) * ${lanes}u;

  var top = ${LOWEST};
  for (var u = lid; u < used; u += ${T}u) { top = max(top, load_logits(x + u)); }
  top = reduce_max(lid, top);
  var sum = 0.0;
  for (var u = lid; u < used; u += ${T}u) { sum += exp(load_logits(x + u) - top); }
  let scale = 1.0 / reduce_sum(lid, sum);

  let lane = lid % ${lanes}u;
  let slice = lid / ${lanes}u;
  var mean = vec4f(0);
  var text = 0.0;
  for (var u0 = 0u; u0 < used; u0 += ${T}u) {
    let u = u0 + lid;
    var w = 0.0;
    if (u < used) { w = exp(load_logits(x + u) - top) * scale; }
    if (u >= p.strata) { text += w; }
    workgroupBarrier();
    weight[lid] = w;
    workgroupBarrier();
    if (slice < ${groups}u) {
      for (var k = slice; k < min(${T}u, used - u0); k += ${4 * groups}u) {
        // Four at once; past the end the last one comes again, with a weight of zero.
        ${range(4, (e) => `let v${e} = row_value(min(u0 + k + ${e * groups}u, used - 1u), first, text_rows, lane);`).join("\n        ")}
        ${range(4, (e) => `mean += weight_of(k + ${e * groups}u) * v${e};`).join(" ")}
      }
    }
  }
  part[lid] = mean;
  text = reduce_sum(lid, text);
  if (lid == 0u) { store_text_mass(row, text); }
  if (slice == 0u) {
    for (var g = 1u; g < ${groups}u; g++) { mean += part[g * ${lanes}u + lane]; }
    center[lane] = mean;
  }
  workgroupBarrier();

  for (var j = lid; j < p.blocks; j += ${T}u) {
    let u0 = j * ${strataPerBlock}u;
    var own_top = ${LOWEST};
    for (var s = 0u; s < trips(${strataPerBlock}u); s++) { own_top = max(own_top, load_logits(x + u0 + s)); }
    var error = 0.0;
    var mass = 0.0;
    for (var s = 0u; s < trips(${strataPerBlock}u); s++) {
      let u = u0 + s;
      let w = exp(load_logits(x + u) - own_top);
      let tau = min(load_tau(row * p.strata + u), p.tau_max);
      var distance = vec4f(0);
      for (var c = 0u; c < trips(${lanes}u); c += ${distanceStep}u) {
        ${range(distanceStep, (e) => `let away${e} = load_strata_value((first + u) * ${lanes}u + c + ${e}u) - center[c + ${e}u];`).join("\n        ")}
        ${range(distanceStep, (e) => `distance += away${e} * away${e};`).join(" ")}
      }
      mass += w;
      error += w * w * (tau * load_strata_noise(first + u) + 0.25 * tau * tau * dot(distance, vec4f(1)));
    }
    let share = exp(own_top - top) * scale;
    store_mass(row * p.blocks + j, mass * share);
    ${error ? "store_error(row * p.blocks + j, error * share * share);" : ""}
    store_logits(x + u0, select(${LOWEST}, 2.0 * own_top + log(error), error > 0.0));
  }`,
  });
}
