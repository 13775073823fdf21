import type { Geometry } from "@spaattn/attention";
import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import { LOWEST, reductions } from "../wgsl/reduce.js";
import { forcedFunction, ROW_THREADS, selection, selectParams } from "../wgsl/select.js";
import type { Storage } from "../wgsl/storage.js";

export interface PaperSelectShape {
  readonly geometry: Geometry;
  /** Storage of the keys, for the text logits. */
  readonly keys: Storage;
  readonly forced: boolean;
  readonly capacity: number;
}

/** Implicit full attention of one row and its block list (docs/method.md#implicit-attention and docs/method.md#selection): one workgroup. */
export function paperSelectKernel({ geometry, keys, forced, capacity }: PaperSelectShape): Kernel {
  const lanes = geometry.headDim / 4;
  const T = ROW_THREADS;
  return assemble({
    name: "estimate.select",
    slots: [
      read("scores", "f32"),
      read("query_mean", "f32x4"),
      read("key", keys),
      ...(forced ? [read("forced", "u8")] : []),
      write("probabilities", "f32"),
      write("counts", "i32"),
      write("indices", "i32"),
    ],
    params: [
      ...blockParams(geometry),
      ...selectParams(geometry.heads),
      ...u32("columns", "text_competes", "uniform_weights"),
      ...f32("scale"),
    ],
    workgroup: [T],
    module: `${blockFunctions}${reductions(T)}${selection(capacity)}${forcedFunction(forced)}
var<workgroup> query_row: array<vec4f, ${lanes}>;
fn visual_logit(row: u32, j: u32) -> f32 {
  let weight = select(block_count(j), p.block_size, p.uniform_weights != 0u);
  return p.scale * load_scores(row * p.blocks + j) + log(f32(weight));
}
fn text_logit(head: u32, m: u32) -> f32 {
  let at = (head * p.tokens + p.visual + m) * ${lanes}u;
  var sum = vec4f(0);
  for (var c = 0u; c < trips(${lanes}u); c++) { sum += query_row[c] * load_key(at + c); }
  return p.scale * dot(sum, vec4f(1));
}`,
    body: `
  let i = wid.x;
  let row = wid.z * p.blocks + i;
  let head = (p.head0 + wid.z) % p.heads;
  let text = valid_text((p.head0 + wid.z) / p.heads);
  for (var c = lid; c < ${lanes}u; c += ${T}u) { query_row[c] = load_query_mean(row * ${lanes}u + c); }
  workgroupBarrier();

  var top = ${LOWEST};
  for (var j = lid; j < p.blocks; j += ${T}u) { top = max(top, visual_logit(row, j)); }
  var text_top = ${LOWEST};
  var text_sum = 0.0;
  for (var m = lid; m < text; m += ${T}u) {
    let y = text_logit(wid.z, m);
    let next = max(text_top, y);
    text_sum = text_sum * exp(text_top - next) + exp(y - next);
    text_top = next;
  }
  top = reduce_max(lid, max(top, text_top));
  text_sum = reduce_sum(lid, text_sum * exp(text_top - top));
  var sum = 0.0;
  for (var j = lid; j < p.blocks; j += ${T}u) { sum += exp(visual_logit(row, j) - top); }
  let total = reduce_sum(lid, sum) + text_sum;
  let text_mass = text_sum / total;
  for (var j = lid; j < p.blocks; j += ${T}u) {
    let probability = exp(visual_logit(row, j) - top) / total;
    store_probabilities(row * p.columns + j, probability);
    rank_key[j] = probability;
  }
  if (lid == 0u) {
    rank_key[p.blocks] = text_mass;
    if (p.columns > p.blocks) { store_probabilities(row * p.columns + p.blocks, text_mass); }
  }

  let competes = p.text_competes != 0u && text > 0u;
  let candidates = select(p.blocks, p.blocks + 1u, competes);
  var need = 0u;
  if (p.ranked != 0u) {
    rank_blocks(lid, candidates);
    need = max(1u, top_blocks(head));
    let mass = cover_mass(head);
    if (mass > 0.0) {
      for (var j = lid; j < candidates; j += ${T}u) {
        var probability = text_mass;
        if (j < p.blocks) { probability = load_probabilities(row * p.columns + j); }
        rank_key[rank_of[j]] = probability;
      }
      need = max(need, needed_for_mass(lid, candidates, select(text_mass, 0.0, competes), mass));
      if (mass >= 1.0) { need = candidates; }
    }
  }
  for (var j = lid; j < p.blocks; j += ${T}u) {
    let chosen = (p.ranked != 0u && rank_of[j] < need) || is_forced(wid.z, i, j);
    rank_of[j] = select(0u, 1u, chosen);
  }
  write_list(lid, row, text);`,
  });
}

/** Rectification factor R and compensation E of one row (docs/method.md#output): one workgroup. */
export function paperRectifyKernel(geometry: Geometry, capacity: number): Kernel {
  const lanes = geometry.headDim / 4;
  const T = ROW_THREADS;
  const groups = Math.floor(T / lanes);
  return assemble({
    name: "estimate.rectify",
    slots: [
      read("scores", "f32"),
      read("doubt", "f32"),
      read("probabilities", "f32"),
      read("counts", "i32"),
      read("indices", "i32"),
      read("value_mean", "f32x4"),
      write("factor", "f32"),
      write("compensation", "f32x4"),
    ],
    params: [...blockParams(geometry), ...u32("columns", "stride")],
    workgroup: [T],
    module: `${blockFunctions}${reductions(T)}
var<workgroup> weight: array<f32, ${capacity}>;
var<workgroup> part: array<vec4f, ${T}>;`,
    body: `
  let row = wid.z * p.blocks + wid.x;
  for (var j = lid; j < p.blocks; j += ${T}u) { weight[j] = 1.0; }
  workgroupBarrier();
  let count = u32(load_counts(row));
  for (var s = lid; s < count; s += ${T}u) {
    let block = u32(load_indices(row * p.stride + s));
    if (block < p.blocks) { weight[block] = 0.0; }
  }
  workgroupBarrier();
  var kept = 0.0;
  for (var j = lid; j < p.columns; j += ${T}u) {
    let probability = load_probabilities(row * p.columns + j);
    if (j < p.blocks) {
      let at = row * p.blocks + j;
      // Only blocks that pass the gain test are worth their mean value.
      if (weight[j] > 0.0 && abs(load_scores(at)) > load_doubt(at)) {
        weight[j] = probability;
        continue;
      }
      weight[j] = 0.0;
    }
    kept += probability;
  }
  kept = reduce_sum(lid, kept);
  if (lid == 0u) { store_factor(row, kept); }
  let lane = lid % ${lanes}u;
  let group = lid / ${lanes}u;
  var sum = vec4f(0);
  if (group < ${groups}u) {
    for (var j = group; j < p.blocks; j += ${groups}u) {
      sum += weight[j] * load_value_mean((wid.z * p.blocks + j) * ${lanes}u + lane);
    }
  }
  part[lid] = sum;
  workgroupBarrier();
  if (group == 0u) {
    for (var g = 1u; g < ${groups}u; g++) { sum += part[g * ${lanes}u + lane]; }
    store_compensation(row * ${lanes}u + lane, sum);
  }`,
  });
}
