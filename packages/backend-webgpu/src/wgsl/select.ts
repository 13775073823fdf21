import { SpaAttnError } from "@spaattn/core";
import type { Device } from "../device.js";
import type { Param } from "../kernel.js";

/** Invocations of the kernels that work on one row of blocks. */
export const ROW_THREADS = 128;

/** Blocks per row the selection can rank: two words of workgroup memory each. */
export const maxBlocks = (limits: GPUSupportedLimits): number =>
  Math.floor((limits.maxComputeWorkgroupStorageSize - 2048) / 8 / 256) * 256;

/** Slots for a row of `blocks` columns and text; rounded up, so that similar sizes share a pipeline. */
export function rowCapacity(device: Device, blocks: number): number {
  const capacity = Math.ceil((blocks + 1) / 256) * 256;
  if (capacity <= maxBlocks(device.limits)) return capacity;
  throw new SpaAttnError(
    "Unsupported",
    `${blocks} blocks per row are more than this device can rank (${maxBlocks(device.limits) - 1}).`,
    { remedy: "Use blockSize 128, fewer tokens, or a device with more workgroup memory (see requiredLimits)." },
  );
}

export const selectParams = (heads: number): Param[] => [
  { name: "ranked", type: "u32" },
  { name: "stride", type: "u32" },
  { name: "forced_stride", type: "u32" },
  { name: "top_blocks", type: "u32", length: heads },
  { name: "cover_mass", type: "f32", length: heads },
];

/**
 * Selection without sorting: a block's rank is the number of blocks that come before it (docs/method.md#selection).
 *
 * The caller fills `rank_key`, calls `rank_blocks`, fills `rank_key` again with the masses by rank when
 * `needed_for_mass` is wanted, and ends with `write_list`. Equal keys rank by index. All calls are made by all invocations.
 */
export const selection = (capacity: number): string => `
var<workgroup> rank_key: array<f32, ${capacity}>;
var<workgroup> rank_of: array<u32, ${capacity}>;
fn rank_blocks(lid: u32, candidates: u32) {
  workgroupBarrier();
  for (var j = lid; j < candidates; j += ${ROW_THREADS}u) {
    let key = rank_key[j];
    var rank = 0u;
    for (var k = 0u; k < candidates; k++) {
      let other = rank_key[k];
      rank += select(0u, 1u, other > key || (other == key && k < j));
    }
    rank_of[j] = rank;
  }
  workgroupBarrier();
}
/** #{r : before + running sum of rank_key up to r <= mass} + 1. */
fn needed_for_mass(lid: u32, candidates: u32, before: f32, mass: f32) -> u32 {
  workgroupBarrier();
  let chunk = (candidates + ${ROW_THREADS - 1}u) / ${ROW_THREADS}u;
  let begin = min(candidates, lid * chunk);
  let end = min(candidates, begin + chunk);
  var sum = 0.0;
  for (var r = begin; r < end; r++) { sum += rank_key[r]; }
  var running = before + scan_before(lid, sum);
  var covered = 0.0;
  for (var r = begin; r < end; r++) {
    running += rank_key[r];
    if (running <= mass) { covered += 1.0; }
  }
  workgroupBarrier();
  return u32(reduce_sum(lid, covered)) + 1u;
}
/** Writes the ascending list of blocks with a set flag in \`rank_of\`, then the text blocks with a valid key. */
fn write_list(lid: u32, row: u32, text: u32) {
  workgroupBarrier();
  let chunk = (p.blocks + ${ROW_THREADS - 1}u) / ${ROW_THREADS}u;
  let begin = min(p.blocks, lid * chunk);
  let end = min(p.blocks, begin + chunk);
  var mine = 0.0;
  for (var j = begin; j < end; j++) { mine += f32(rank_of[j]); }
  var slot = u32(scan_before(lid, mine));
  let total = u32(red[${ROW_THREADS - 1}]);
  for (var j = begin; j < end; j++) {
    if (rank_of[j] != 0u) {
      store_indices(row * p.stride + slot, i32(j));
      slot++;
    }
  }
  let text_blocks = (text + p.block_size - 1u) / p.block_size;
  for (var t = lid; t < text_blocks; t += ${ROW_THREADS}u) {
    store_indices(row * p.stride + total + t, i32(p.blocks + t));
  }
  if (lid == 0u) { store_counts(row, i32(total + text_blocks)); }
}
`;

/** A read of the optional table of blocks that are selected whatever their rank. */
export const forcedFunction = (present: boolean): string =>
  present
    ? "fn is_forced(head: u32, i: u32, j: u32) -> bool { return load_forced(head * p.forced_stride + i * p.blocks + j) != 0u; }"
    : "fn is_forced(head: u32, i: u32, j: u32) -> bool { return false; }";
