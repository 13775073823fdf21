import type { AttendStep, Geometry } from "@spaattn/attention";
import type { Device } from "../device.js";
import { type AttendKernel, type AttendShape, packListsKernel } from "../kernels/attend-common.js";
import { attendMatrixKernel } from "../kernels/attend-matrix.js";
import { attendRowKernel } from "../kernels/attend-row.js";
import { attendTileKernel } from "../kernels/attend-tile.js";
import { type MatrixTiling, matrixTiling } from "../kernels/matrix-tiling.js";
import type { HeadWindow, Lowering } from "../lowering.js";
import { blockValues } from "../wgsl/blocks.js";

/** Exact attention over the selected blocks, pseudo-keys and rectification in one pass (docs/method.md#output). */
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
  const { chosen, reason } = chooseKernel(shape, lowering.device);
  lowering.chose(chosen.kernel.name, reason);
  // Tail with log-sum-exp binds nine buffers; where only eight are allowed it takes a second pass.
  const most = lowering.device.limits.maxStorageBuffersPerShaderStage;
  const passes =
    chosen.kernel.slots.length <= most
      ? [chosen]
      : [{ lse: false }, { output: undefined }].map(
          (part) => chooseKernel({ ...shape, ...part }, lowering.device).chosen,
        );
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

/** The fastest kernel that fits the shape and the device, and why it is no faster one. */
function chooseKernel(shape: AttendShape, device: Device): { chosen: AttendKernel; reason: string } {
  const { headDim } = shape.geometry;
  const tiling = matrixFor(shape, device);
  if (typeof tiling !== "string") {
    const { m, n, k } = tiling.unit;
    return {
      chosen: attendMatrixKernel(shape, tiling),
      reason: `subgroup matrices of ${m} x ${n} x ${k}, ${tiling.subgroups} subgroups of ${tiling.subgroupRows} rows, ${tiling.keys} keys a step`,
    };
  }
  if (headDim % 64 === 0)
    return {
      chosen: attendTileKernel(shape),
      reason: `register tiles of 8 x 4, for head sizes that are multiples of 64; no subgroup matrices: ${tiling}`,
    };
  return {
    chosen: attendRowKernel(shape),
    reason: `one row per invocation: headDim ${headDim} is no multiple of 64, which register tiles need; no subgroup matrices: ${tiling}`,
  };
}

/** How subgroup matrices would do it, or why they do not. */
function matrixFor(shape: AttendShape, { matrix, limits }: Device): MatrixTiling | string {
  const { rows } = shape;
  if (rows !== "f16" && rows !== "f16-packed")
    return `they multiply half floats only, not ${rows === "bf16" ? "bf16" : "f32"}`;
  return matrix.unit ? matrixTiling(shape, matrix.unit, limits) : matrix.reason;
}

/** Cuts a window into dispatches of bounded work, by heads and then by query tiles. */
function emitTiles(step: AttendStep, lowering: Lowering, window: HeadWindow, { kernel, tile }: AttendKernel): void {
  const { geometry, device } = lowering;
  const { tiles, flopsPerTile } = workOf(step, geometry, tile);
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
function workOf(step: AttendStep, geometry: Geometry, tile: number) {
  const { blocks, blockSize, headDim, tokens, visualBlocks } = geometry;
  const listed = step.dense ? tokens : Math.min(tokens, step.stride * blockSize);
  const keys = listed + (step.rectify === "tail" ? visualBlocks * step.strataPerBlock : 0);
  return { tiles: blocks * (blockSize / tile), flopsPerTile: 4 * headDim * tile * keys };
}
