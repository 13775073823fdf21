import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { LOWEST } from "../wgsl/reduce.js";
import type { Storage } from "../wgsl/storage.js";
import { QUERY_TILE } from "./attend-common.js";
import {
  addValues,
  CHANNELS,
  COLUMNS,
  KEYS,
  KEYS_AT,
  PART_STRIDE,
  QUADS,
  range,
  reduceSums,
  STAGE,
  softmax,
  stageTransposed,
  THREADS,
} from "./tile-parts.js";

export interface DenseShape {
  readonly query: Storage;
  readonly key: Storage;
  readonly value: Storage;
  readonly output: Storage;
  /** Vectors of four channels in queries and keys; in values and outputs. */
  readonly four: { readonly d: boolean; readonly dv: boolean };
  /** Vectors of 64 channels of the output that a workgroup makes: 1 or 2. */
  readonly outputs: 1 | 2;
  readonly masked: boolean;
  readonly biased: boolean;
  readonly frames: boolean;
}

/** Vector `c` of row `row`: one load, or four, and zeros past the end of the row. */
const rowOf = (name: string, size: string, four: boolean): string => `
fn ${name}_row(row: u32, c: u32) -> vec4f {
  if (4u * c >= p.${size}) { return vec4f(0); }
  ${
    four
      ? `return load_${name}(row * (p.${size} / 4u) + c);`
      : `let at = row * p.${size} + 4u * c;
  let left = p.${size} - 4u * c;
  var v = vec4f(load_${name}(at), 0, 0, 0);
  if (left > 1u) { v.y = load_${name}(at + 1u); }
  if (left > 2u) { v.z = load_${name}(at + 2u); }
  if (left > 3u) { v.w = load_${name}(at + 3u); }
  return v;`
  }
}`;

/**
 * Softmax attention of queries with other keys, any number of channels: the tiles of `attend.tile` (64 queries by 64 keys a
 * step), without blocks. A workgroup makes 64 or 128 channels of its rows; the scores of a row are made once for each.
 */
export function denseAttentionKernel(shape: DenseShape): Kernel {
  const { outputs, masked, biased, frames, four } = shape;
  return assemble({
    name: "dense-attention.tile",
    slots: [
      read("query", shape.query),
      read("key", shape.key),
      read("values", shape.value),
      ...(masked ? [read("mask", "u8")] : []),
      ...(biased ? [read("bias", "f32")] : []),
      write("y", shape.output),
    ],
    params: [
      ...u32("d", "dv", "rows", "keys", "heads", "first_tile", "first_head", "bias_items", "frame"),
      ...f32("scale"),
    ],
    workgroup: [THREADS],
    module: `
const LOG2E = 1.4426950408889634;
const LANES = ${16 * outputs}u;
var<private> value_at: u32;
var<private> lane_at: u32;
${masked ? "var<private> mask_at: u32;" : ""}
${rowOf("query", "d", four.d)}
${rowOf("key", "d", four.d)}
${rowOf("values", "dv", four.dv)}
/** What a masked key holds may be no number: it must not meet a weight. */
fn value_row(pseudo: bool, at: u32) -> vec4f {
  ${masked ? "if (load_mask(mask_at + at / LANES) == 0u) { return vec4f(0); }" : ""}
  return values_row(value_at + at / LANES, lane_at + at % LANES);
}
var<workgroup> stage: array<vec4f, ${STAGE}>;
var<workgroup> part: array<vec4f, ${COLUMNS * PART_STRIDE}>;`,
    body: `
  const pseudo = false;
  let head = p.first_head + wid.z;
  let row0 = (p.first_tile + wid.x) * ${QUERY_TILE}u;
  let last_row = p.rows - 1u;
  let head_rows = head * p.rows;
  value_at = head * p.keys;
  lane_at = wid.y * LANES;
  ${masked ? "mask_at = head / p.heads * p.keys;" : ""}
  let end = ${frames ? `min(p.keys, (min(row0 + ${QUERY_TILE - 1}u, last_row) / p.frame + 1u) * p.frame)` : "p.keys"};
  let tx = lid % ${COLUMNS}u;
  let ty = lid / ${COLUMNS}u;
  let to_log2 = p.scale * LOG2E;
  ${range(8, (r) => range(outputs, (v) => `var o${r}_${v} = vec4f(0);`).join(" ")).join(" ")}
  var top0 = vec4f(${LOWEST}); var top1 = top0;
  var sum0 = vec4f(0); var sum1 = vec4f(0);
  for (var base = 0u; base < end; base += ${KEYS}u) {
    let live = min(${KEYS}u, end - base);
    ${range(2, (a) => range(4, (j) => `var s${a}_${j} = vec4f(0);`).join(" ")).join(" ")}
    for (var lane0 = 0u; 4u * lane0 < p.d; lane0 += ${CHANNELS / 4}u) {
      workgroupBarrier();
      ${stageTransposed(0, QUADS, (e) => `query_row(head_rows + min(row0 + quad * 4u + ${e}u, last_row), lane0 + c) * to_log2`)}
      ${stageTransposed(KEYS_AT, KEYS / 4, (e) => `key_row(head * p.keys + base + min(quad + ${16 * e}u, live - 1u), lane0 + c)`)}
      workgroupBarrier();
      for (var c = 0u; c < trips(${CHANNELS}u); c++) {
        let q0 = stage[c * ${QUADS}u + ty * 2u];
        let q1 = stage[c * ${QUADS}u + ty * 2u + 1u];
        let k = stage[${KEYS_AT}u + c * ${COLUMNS}u + tx];
        ${range(4, (j) => range(2, (a) => `s${a}_${j} = fma(q${a}, vec4f(k[${j}]), s${a}_${j});`).join(" ")).join("\n        ")}
      }
    }
    ${range(4, (j) => keyColumn(shape, j)).join("\n    ")}
    ${softmax(outputs)}
    ${addValues(64 * outputs, outputs)}
  }
  ${reduceSums()}
  // A row that sees no key has met lowest values only.
  ${range(2, (a) => `let inverse${a} = select(vec4f(0), 1.0 / sum${a}, top${a} > vec4f(${LOWEST}));`).join("\n  ")}
  ${range(8, (r) => range(outputs, (v) => storeVector(shape, r, v)).join("\n  ")).join("\n  ")}`,
  });
}

/** Bias of one key for the eight rows of an invocation; the lowest value where a row does not see it. */
function keyColumn({ masked, biased, frames }: DenseShape, j: number): string {
  const rows = (a: number) => range(4, (e) => `min(row0 + ty * 8u + ${4 * a + e}u, last_row)`);
  const seen = [`key < end`, ...(masked ? ["load_mask(mask_at + at) != 0u"] : [])].join(" && ");
  const bias = (a: number) =>
    biased
      ? `s${a}_${j} = max(s${a}_${j} + LOG2E * vec4f(${rows(a)
          .map((row) => `load_bias((bias_head + ${row}) * p.keys + at)`)
          .join(", ")}), vec4f(${LOWEST}));`
      : "";
  const sees = (a: number) =>
    frames ? `seen & (vec4u(key) < (vec4u(${rows(a).join(", ")}) / p.frame + 1u) * p.frame)` : "seen";
  return `{
      let key = base + tx + ${16 * j}u;
      let at = min(key, end - 1u);
      let seen = vec4<bool>(${seen});
      ${biased ? "let bias_head = (head / p.heads % p.bias_items * p.heads + head % p.heads) * p.rows;" : ""}
      ${range(2, (a) => `${bias(a)} s${a}_${j} = select(vec4f(${LOWEST}), s${a}_${j}, ${sees(a)});`).join("\n      ")}
    }`;
}

function storeVector({ four }: DenseShape, r: number, v: number): string {
  const lane = `(lane_at + tx + ${16 * v}u)`;
  const value = `o${r}_${v} * inverse${r >> 2}[${r & 3}]`;
  const row = `head_rows + row0 + ty * 8u + ${r}u`;
  const store = four.dv
    ? `if (4u * ${lane} < p.dv) { store_y((${row}) * (p.dv / 4u) + ${lane}, ${value}); }`
    : `let value${r}_${v} = ${value}; ${range(4, (e) => `if (4u * ${lane} + ${e}u < p.dv) { store_y((${row}) * p.dv + 4u * ${lane} + ${e}u, value${r}_${v}[${e}]); }`).join(" ")}`;
  return `if (row0 + ty * 8u + ${r}u <= last_row) { ${store} }`;
}
