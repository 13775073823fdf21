import type { Geometry, Rectify } from "@spaattn/attention";
import { assemble, f32, type Kernel, type Param, read, type Slot, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import type { Storage } from "../wgsl/storage.js";

/** Everything the attention kernels are generated from. */
export interface AttendShape {
  readonly geometry: Geometry;
  readonly rows: Storage;
  /** Absent: only `lse` is written. */
  readonly output?: Storage;
  readonly dense: boolean;
  readonly rectify: Rectify;
  readonly lse: boolean;
}

/** Whether pseudo-keys follow the exact ones. */
export const isTail = ({ dense, rectify }: Pick<AttendShape, "dense" | "rectify">): boolean =>
  !dense && rectify === "tail";

/** An attention kernel, with the query rows of one of its workgroups; they divide the block size. */
export interface AttendKernel {
  readonly kernel: Kernel;
  readonly tile: number;
}

/** Query rows of a workgroup of the row and register-tile kernels; divides both block sizes. */
export const QUERY_TILE = 64;

/** Block lists behind their counts, in one buffer: devices need not bind more than eight. */
export const packListsKernel = (): Kernel =>
  assemble({
    name: "attend.packLists",
    slots: [read("counts", "i32"), read("indices", "i32"), write("lists", "u32")],
    params: u32("rows", "stride"),
    workgroup: [64],
    body: `
  let row = wid.y + wid.z * p.rows;
  let slot = wid.x * 64u + lid;
  if (slot > p.stride) { return; }
  if (slot == 0u) { store_lists(row * (p.stride + 1u), u32(load_counts(row))); }
  else { store_lists(row * (p.stride + 1u) + slot, u32(load_indices(row * p.stride + slot - 1u))); }`,
  });

export function attendSlots({ rows, output, dense, rectify, lse }: AttendShape): Slot[] {
  const paper = !dense && rectify === "paper";
  const tail = isTail({ dense, rectify });
  return [
    read("query", rows),
    read("key", rows),
    read("value", rows),
    ...(dense ? [] : [read("lists", "u32")]),
    ...(paper ? [read("factor", "f32"), read("compensation", "f32x4")] : []),
    ...(tail ? [read("strata_key", "f32x4"), read("strata_value", "f32x4"), read("bias", "f32")] : []),
    ...(output ? [write("output", output)] : []),
    ...(lse ? [write("lse", "f32")] : []),
  ];
}

export const attendParams = (geometry: Geometry): Param[] => [
  ...blockParams(geometry),
  ...u32("first_tile", "first_head", "stride", "strata", "group", "groups"),
  ...f32("scale", "minus_infinity"),
];

/** Factor and compensation belong to visual rows; text rows are dense and stay as they are. */
const PAPER_EPILOGUE = `
fn row_factor(head: u32, b: u32) -> f32 {
  if (b < p.blocks) { return load_factor(head * p.blocks + b); }
  return 1.0;
}
fn row_compensation(head: u32, b: u32, lane: u32) -> vec4f {
  if (b < p.blocks) { return load_compensation((head * p.blocks + b) * LANES + lane); }
  return vec4f(0);
}`;

/** Which rows a workgroup owns and which keys they see; text rows and dense plans see every valid key. */
export function attendFunctions({ geometry, dense, rectify }: AttendShape, tile = QUERY_TILE): string {
  return `${blockFunctions}
const LANES = ${geometry.headDim / 4}u;
const LOG2E = 1.4426950408889634;
const LN2 = 0.6931471805599453;
/** Text blocks come first: their rows see every key and take the longest. */
fn query_block(tile: u32) -> u32 {
  let b = tile / (p.block_size / ${tile}u);
  return select(b - p.text_blocks, p.blocks + b, b < p.text_blocks);
}
fn list_length(head: u32, b: u32, text: u32) -> u32 {
  ${dense ? "" : "if (b < p.blocks) { return load_lists((head * p.blocks + b) * (p.stride + 1u)); }"}
  return p.blocks + (text + p.block_size - 1u) / p.block_size;
}
fn list_entry(head: u32, b: u32, it: u32) -> u32 {
  ${dense ? "" : "if (b < p.blocks) { return load_lists((head * p.blocks + b) * (p.stride + 1u) + 1u + it); }"}
  return it;
}
${!dense && rectify === "paper" ? PAPER_EPILOGUE : ""}`;
}

/** Rows of keys and values by their index, and those of pseudo-keys. */
export const keyFunctions = (shape: AttendShape): string =>
  isTail(shape)
    ? `fn key_row(pseudo: bool, at: u32) -> vec4f { if (pseudo) { return load_strata_key(at); } return load_key(at); }
fn value_row(pseudo: bool, at: u32) -> vec4f { if (pseudo) { return load_strata_value(at); } return load_value(at); }`
    : `fn key_row(pseudo: bool, at: u32) -> vec4f { return load_key(at); }
fn value_row(pseudo: bool, at: u32) -> vec4f { return load_value(at); }`;

/** Body prologue of every attention kernel; `keys_per_step` divides the block size. */
export const attendPrologue = ({ dense, rectify }: AttendShape, keysPerStep: number, rows = QUERY_TILE): string => {
  const tail = isTail({ dense, rectify });
  return `
  let head = p.first_head + wid.z;
  let text = valid_text((p.head0 + head) / p.heads);
  let tile = p.first_tile + wid.x;
  let block = query_block(tile);
  let visual_rows = block < p.blocks;
  let row0 = block_start(block) + (tile % (p.block_size / ${rows}u)) * ${rows}u;
  let row_end = min(block_start(block) + p.block_size, select(p.tokens, p.visual, visual_rows));
  let valid_end = select(p.visual + text, p.visual, visual_rows);
  let list = list_length(head, block, text);
  let head_rows = head * p.tokens;
  let sub = p.block_size / ${keysPerStep}u;
  let exact_steps = list * sub;
  ${
    tail
      ? `let pseudo_steps = select(0u, (p.strata + ${keysPerStep - 1}u) / ${keysPerStep}u, visual_rows);
  let head_strata = (head * p.groups + block / p.group) * p.strata;
  let bias_row = (head * p.blocks + block) * p.strata;`
      : "const pseudo_steps = 0u;\n  const head_strata = 0u;"
  }`;
};

/** Where the keys of a step lie: `base` is the row of its first key, `live` how many of them count. */
export const attendStep = ({ dense, rectify }: AttendShape, keysPerStep: number): string => {
  const tail = isTail({ dense, rectify });
  const exact = `
    let key_block = list_entry(head, block, step / sub);
    let k0 = block_start(key_block) + (step % sub) * ${keysPerStep}u;
    let end = block_end(key_block, text);`;
  if (!tail)
    return `${exact}
    if (k0 >= end) { continue; }
    const pseudo = false;
    let base = head_rows + k0;
    let live = min(end - k0, ${keysPerStep}u);`;
  return `
    let pseudo = step >= exact_steps;
    var base = 0u;
    var live = 0u;
    var first_stratum = 0u;
    if (pseudo) {
      first_stratum = (step - exact_steps) * ${keysPerStep}u;
      base = head_strata + first_stratum;
      live = min(p.strata - first_stratum, ${keysPerStep}u);
    } else {${exact}
      base = head_rows + k0;
      if (k0 < end) { live = min(end - k0, ${keysPerStep}u); }
    }
    if (live == 0u) { continue; }`;
};
