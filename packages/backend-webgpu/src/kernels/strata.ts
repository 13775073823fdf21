import type { Geometry } from "@spaattn/core";
import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import type { Storage } from "../wgsl/storage.js";

export interface SplitShape {
  readonly geometry: Geometry;
  readonly keys: Storage;
  readonly strataPerBlock: number;
  /** Power iterations of a direction per part; absent: the directions of the whole head are read (strata "eigen"). */
  readonly steps?: number;
}

/**
 * Orders the keys of one block into compact strata (beyond.md section 3): one workgroup, one invocation per slot.
 *
 * Parts of a level are split side by side. Sorting is by counting; equal projections keep token order.
 */
export function splitKernel({ geometry, keys, strataPerBlock, steps }: SplitShape): Kernel {
  const { headDim: d, blockSize: B } = geometry;
  const lanes = d / 4;
  const levels = Math.log2(strataPerBlock);
  const parts = Math.max(1, strataPerBlock / 2);
  const local = steps !== undefined;
  return assemble({
    name: local ? "summarize.splitLocal" : "summarize.splitEigen",
    slots: [read("key", keys), ...(local ? [] : [read("direction", "f32x4")]), write("order", "i32")],
    params: blockParams(geometry),
    workgroup: [B],
    module: `${blockFunctions}
const LANES = ${lanes}u;
var<workgroup> token: array<u32, ${B}>;
var<workgroup> place: array<u32, ${B}>;
var<workgroup> projection: array<f32, ${B}>;
var<workgroup> direction_of: array<vec4f, ${parts * lanes}>;
${local ? `var<workgroup> mean_of: array<vec4f, ${parts * lanes}>;` : ""}
fn row_of(head: u32, slot: u32) -> u32 { return (head * p.tokens + token[slot]) * LANES; }
${local ? localDirection(parts, B) : ""}`,
    body: `
  let first = wid.x * p.block_size;
  let count = block_count(wid.x);
  token[lid] = first + lid;
  ${Array.from({ length: levels }, (_, level) => levelBody(level, B, lanes, steps)).join("\n")}
  workgroupBarrier();
  store_order((wid.z * p.blocks + wid.x) * p.block_size + lid, i32(token[lid]));`,
  });
}

function levelBody(level: number, blockSize: number, lanes: number, steps: number | undefined): string {
  const size = blockSize >> level;
  const part = `(lid / ${size}u)`;
  const directions =
    steps === undefined
      ? `for (var c = lid; c < ${(1 << level) * lanes}u; c += ${blockSize}u) {
      direction_of[c] = load_direction((wid.z * 2u + ${level}u) * LANES + c % LANES);
    }
    workgroupBarrier();`
      : `find_directions(lid, wid.z, ${1 << level}u, ${size}u, first + count, ${steps}u);`;
  return `{
    workgroupBarrier();
    ${directions}
    var y = 3.0e38;
    if (token[lid] < first + count) {
      var sum = vec4f(0);
      let row = row_of(wid.z, lid);
      for (var c = 0u; c < trips(LANES); c++) { sum += direction_of[${part} * LANES + c] * load_key(row + c); }
      y = dot(sum, vec4f(1));
    }
    projection[lid] = y;
    workgroupBarrier();
    let begin = ${part} * ${size}u;
    let mine = token[lid];
    var rank = 0u;
    for (var r = begin; r < trips(begin + ${size}u); r++) {
      let other = projection[r];
      rank += select(0u, 1u, other < y || (other == y && token[r] < mine));
    }
    let upper = rank >= ${size / 2}u;
    place[lid] = select(0u, 1u, upper);
    workgroupBarrier();
    // Back into token order inside each half.
    var slot = begin + select(0u, ${size / 2}u, upper);
    for (var r = begin; r < trips(begin + ${size}u); r++) {
      slot += select(0u, 1u, place[r] == place[lid] && token[r] < mine);
    }
    workgroupBarrier();
    token[slot] = mine;
  }`;
}

/** Power iteration about the mean of every part, all parts at once. */
const localDirection = (parts: number, blockSize: number): string => `
var<workgroup> largest: array<f32, ${parts}>;
fn center(lid: u32, head: u32, level_parts: u32, size: u32, end: u32) {
  for (var c = lid; c < level_parts * LANES; c += ${blockSize}u) {
    let first = (c / LANES) * size;
    var sum = vec4f(0);
    var valid = 0.0;
    for (var r = first; r < first + size; r++) {
      if (token[r] < end) { sum += load_key(row_of(head, r) + c % LANES); valid += 1.0; }
    }
    mean_of[c] = sum / max(valid, 1.0);
    let channel = f32(4u * (c % LANES));
    direction_of[c] = cos(vec4f(channel, channel + 1.0, channel + 2.0, channel + 3.0));
  }
  workgroupBarrier();
}
fn find_directions(lid: u32, head: u32, level_parts: u32, size: u32, end: u32, steps: u32) {
  center(lid, head, level_parts, size, end);
  for (var step = 0u; step < steps; step++) {
    let part = (lid / size) * LANES;
    var x = vec4f(0);
    if (token[lid] < end) {
      let row = row_of(head, lid);
      for (var c = 0u; c < trips(LANES); c++) { x += (load_key(row + c) - mean_of[part + c]) * direction_of[part + c]; }
    }
    projection[lid] = dot(x, vec4f(1));
    workgroupBarrier();
    for (var c = lid; c < level_parts * LANES; c += ${blockSize}u) {
      let first = (c / LANES) * size;
      var sum = vec4f(0);
      for (var r = first; r < first + size; r++) {
        if (token[r] < end) { sum += projection[r] * (load_key(row_of(head, r) + c % LANES) - mean_of[c]); }
      }
      direction_of[c] = sum;
    }
    workgroupBarrier();
    if (lid < level_parts) {
      var square = 0.0;
      for (var c = 0u; c < trips(LANES); c++) { let w = direction_of[lid * LANES + c]; square += dot(w, w); }
      largest[lid] = max(sqrt(square), 1.0e-30);
    }
    workgroupBarrier();
    for (var c = lid; c < level_parts * LANES; c += ${blockSize}u) { direction_of[c] /= largest[c / LANES]; }
    workgroupBarrier();
  }
  if (lid < level_parts) {
    var most = -1.0;
    var sign = 1.0;
    for (var c = 0u; c < trips(LANES); c++) {
      let w = direction_of[lid * LANES + c];
      for (var e = 0u; e < 4u; e++) {
        if (abs(w[e]) > most) { most = abs(w[e]); sign = select(1.0, -1.0, w[e] < 0.0); }
      }
    }
    largest[lid] = sign;
  }
  workgroupBarrier();
  for (var c = lid; c < level_parts * LANES; c += ${blockSize}u) { direction_of[c] *= largest[c / LANES]; }
  workgroupBarrier();
}
`;

/** Token order as it is (strata "contiguous"). */
export function identityOrderKernel(blockSize: number): Kernel {
  return assemble({
    name: "summarize.contiguous",
    slots: [write("order", "i32")],
    params: u32("blocks"),
    workgroup: [blockSize],
    body: `
  let slot = wid.x * ${blockSize}u + lid;
  store_order(wid.z * p.blocks * ${blockSize}u + slot, i32(slot));`,
  });
}
