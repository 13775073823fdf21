import type { Geometry } from "@spaattn/attention";
import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import type { Storage } from "../wgsl/storage.js";
import { findDirections, localDirections } from "./strata-local.js";
import { range } from "./tile-parts.js";

export interface SplitShape {
  readonly geometry: Geometry;
  readonly keys: Storage;
  readonly strataPerBlock: number;
  /** Power iterations of a direction per part; absent: the directions of the whole head are read (strata "eigen"). */
  readonly steps?: number;
}

/**
 * Orders the keys of one block into compact strata (docs/tail.md#strata): one workgroup, one invocation per slot.
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
fn row_of(head: u32, slot: u32) -> u32 { return (head * p.tokens + token[slot]) * LANES; }
${local ? localDirections(geometry, strataPerBlock) : ""}`,
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
      : findDirections(level, blockSize, lanes, steps);
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
    for (var r = begin; r < trips(begin + ${size}u); r += 4u) {
      ${range(4, (e) => `let other${e} = projection[r + ${e}u]; let token${e} = token[r + ${e}u];`).join(" ")}
      ${range(4, (e) => `rank += select(0u, 1u, other${e} < y || (other${e} == y && token${e} < mine));`).join(" ")}
    }
    let upper = rank >= ${size / 2}u;
    place[lid] = select(0u, 1u, upper);
    workgroupBarrier();
    // Back into token order inside each half.
    var slot = begin + select(0u, ${size / 2}u, upper);
    let half = place[lid];
    for (var r = begin; r < trips(begin + ${size}u); r += 4u) {
      ${range(4, (e) => `slot += select(0u, 1u, place[r + ${e}u] == half && token[r + ${e}u] < mine);`).join(" ")}
    }
    workgroupBarrier();
    token[slot] = mine;
  }`;
}

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
