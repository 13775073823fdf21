import type { AttendStep, Geometry } from "@spaattn/core";
import type { Kernel } from "../kernel.js";
import { type AttendShape, packListsKernel, QUERY_TILE } from "../kernels/attend-common.js";
import { attendRowKernel } from "../kernels/attend-row.js";
import { attendTileKernel } from "../kernels/attend-tile.js";
import type { HeadWindow, Lowering } from "../lowering.js";
import { blockValues } from "../wgsl/blocks.js";

/** Exact attention over the selected blocks, pseudo-keys and rectification in one pass (algorithm.md section 6). */
export function lowerAttend(step: AttendStep, lowering: Lowering): void {
  const { geometry } = lowering;
  const n = geometry.visualBlocks;
  const shape: AttendShape = {
    geometry,
    rows: lowering.rows("query"),
    output: lowering.rows("output"),
    dense: step.dense,
    rectify: step.rectify,
    lse: lowering.has("lse"),
  };
  const { kernel, reason } = chooseKernel(shape);
  lowering.chose(kernel.name, reason);
  // Tail with log-sum-exp binds nine buffers; where only eight are allowed it takes a second pass.
  const most = lowering.device.limits.maxStorageBuffersPerShaderStage;
  const passes =
    kernel.slots.length <= most
      ? [kernel]
      : [chooseKernel({ ...shape, lse: false }).kernel, chooseKernel({ ...shape, output: undefined }).kernel];
  const scratch: Record<string, number> = step.dense ? {} : { lists: 4 * n * (step.stride + 1) };
  const large = ["query", "key", "value", "output", "compensation", "strataKey", "strataValue", "bias"];
  for (const window of lowering.windows(large, scratch)) {
    if (!step.dense)
      lowering.emit(packListsKernel(), window, {
        bind: { counts: "counts", indices: "indices", lists: "lists" },
        params: { stride: step.stride, rows: n },
        grid: [Math.ceil((step.stride + 1) / 64), n],
      });
    for (const pass of passes) emitTiles(step, lowering, window, pass);
  }
}

/** The fastest kernel that fits the shape. */
export function chooseKernel(shape: AttendShape): { kernel: Kernel; reason: string } {
  const { headDim } = shape.geometry;
  if (headDim % 64 === 0)
    return {
      kernel: attendTileKernel(shape),
      reason: "register tiles of 8 x 4, for head sizes that are multiples of 64",
    };
  return {
    kernel: attendRowKernel(shape),
    reason: `one row per invocation: headDim ${headDim} is no multiple of 64, which register tiles need`,
  };
}

/** Cuts a window into dispatches of bounded work, by heads and then by query tiles. */
function emitTiles(step: AttendStep, lowering: Lowering, window: HeadWindow, kernel: Kernel): void {
  const { geometry, device } = lowering;
  const { tiles, flopsPerTile } = workOf(step, geometry);
  const budget = Math.max(1, Math.floor(device.maxDispatchFlops / flopsPerTile));
  const headsAtOnce = Math.max(1, Math.min(window.count, Math.floor(budget / tiles)));
  const tilesAtOnce = Math.min(tiles, budget);
  for (let firstHead = 0; firstHead < window.count; firstHead += headsAtOnce)
    for (let firstTile = 0; firstTile < tiles; firstTile += tilesAtOnce) {
      const heads = Math.min(headsAtOnce, window.count - firstHead);
      const count = Math.min(tilesAtOnce, tiles - firstTile);
      lowering.emit(kernel, window, {
        bind: {
          query: "query",
          key: "key",
          value: "value",
          lists: "lists",
          factor: "factor",
          compensation: "compensation",
          strata_key: "strataKey",
          strata_value: "strataValue",
          bias: "bias",
          output: "output",
          lse: "lse",
        },
        params: {
          ...blockValues(geometry),
          first_tile: firstTile,
          first_head: firstHead,
          stride: step.stride,
          strata: step.rectify === "tail" ? geometry.visualBlocks * step.strataPerBlock : 0,
          group: step.group,
          groups: Math.ceil(geometry.visualBlocks / step.group),
          scale: geometry.scale,
          minus_infinity: Number.NEGATIVE_INFINITY,
        },
        grid: [count, 1],
        heads,
        flops: count * flopsPerTile,
      });
    }
}

/** Workgroups of one head, and the work of one at most (lists may be shorter than their stride). */
function workOf(step: AttendStep, geometry: Geometry) {
  const { blocks, blockSize, headDim, tokens, visualBlocks } = geometry;
  const listed = step.dense ? tokens : Math.min(tokens, step.stride * blockSize);
  const keys = listed + (step.rectify === "tail" ? visualBlocks * step.strataPerBlock : 0);
  return { tiles: blocks * (blockSize / QUERY_TILE), flopsPerTile: 4 * headDim * QUERY_TILE * keys };
}
