import { byteLength } from "@spaattn/core";
import { type ConvAttrs, kernelOf } from "@spaattn/nn";
import { type ConvShape, convProduct, tapsFirstKernel } from "../kernels/conv.js";
import type { FinishShape } from "../kernels/finish.js";
import { matrixProductKernel, productTiling } from "../kernels/matmul-matrix.js";
import { TILE_COLUMNS, tileProduct, tileSize } from "../kernels/matmul-tile.js";
import { ALIGNMENT } from "../network/binding.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { MAP_THREADS, type MapTarget } from "../wgsl/map.js";

type Conv = OperationLowering<ConvAttrs>;

/** Convolution as a product of never-made rows of pixels with the weight. */
export function lowerConv(lowering: Conv): void {
  const [, , , , co] = lowering.shape("y");
  const [, , , , ci] = lowering.shape("x");
  const vec = lowering.vec(co, "bias", "residual", "y");
  const target = lowering.result("y", vec);
  const finish: FinishShape = {
    vec,
    output: target.storage,
    activation: "none",
    bias: lowering.optional("bias", vec),
    residual: lowering.optional("residual", vec),
    pair: false,
  };
  const taps = kernelOf(lowering.spec("weight")).reduce((product, size) => product * size, 1);
  const k = taps * ci;
  const { kernel, rows, columns, weight } = choose(lowering, finish, k);
  const bound = emitWeight(lowering, ci, taps, weight);
  emitRows(lowering, { kernel, rows, columns, k, co, y: target.bind, weight: bound });
  target.finish();
}

function choose(lowering: Conv, finish: FinishShape, k: number) {
  const { device } = lowering;
  const [, , , , ci] = lowering.shape("x");
  const common = { history: pastOf(lowering) > 0, mode: lowering.attrs.mode, finish };
  const matrix = matrixTiling(lowering);
  if (typeof matrix !== "string") {
    const eights =
      ci % 8 === 0 && ["x", "history"].every((role) => !lowering.has(role) || offsetOf(lowering, role) % 8 === 0);
    const lanes = eights ? 8 : lowering.vec(ci, "x", "history") ? 4 : 1;
    const x = lanes === 8 ? "f16x8" : lowering.storage("x", lanes === 4);
    const kernel = matrixProductKernel(
      matrix,
      convProduct("conv.matrix", { ...common, x, lanes, weight: "f16" }, matrix.unit.n),
    );
    const { m, n, k: depth } = matrix.unit;
    lowering.chose(kernel.name, `subgroup matrices of ${m} x ${n} x ${depth}, ${lanes} channels at once`);
    return { kernel, rows: matrix.rows, columns: matrix.columns, weight: "f16" as const };
  }
  const m = lowering.count("y") / lowering.shape("y")[4];
  const size = tileSize(m, lowering.shape("y")[4], device.limits);
  const lanes = lowering.vec(ci, "x", "history") ? 4 : 1;
  const shape: ConvShape = { ...common, x: lowering.storage("x", lanes === 4), lanes, weight: "f32" };
  const kernel = tileProduct(
    size,
    convProduct(`conv.tile${size.rowsEach === 8 ? "" : ".small"}`, shape, TILE_COLUMNS / 2),
  );
  const rows = 16 * size.rowsEach;
  lowering.chose(kernel.name, `tiles of ${rows} x ${TILE_COLUMNS}, sums of ${k}; no subgroup matrices: ${matrix}`);
  return { kernel, rows, columns: TILE_COLUMNS, weight: "f32" as const };
}

const offsetOf = (lowering: Conv, role: string) => lowering.spec(role).view?.offset ?? 0;
const pastOf = (lowering: Conv) => (lowering.has("history") ? lowering.shape("history")[1] : 0);

function matrixTiling(lowering: Conv) {
  const { matrix, limits } = lowering.device;
  const { dtype } = lowering.spec("x");
  if (dtype !== "f16") return `they multiply half floats only, not ${dtype}`;
  if (lowering.spec("weight").dtype === "f32") return "a half float cannot hold f32 weights";
  return matrix.unit ? productTiling(matrix.unit, limits) : matrix.reason;
}

/** The weight in the order of the taps, as scratch. */
function emitWeight(lowering: Conv, channels: number, taps: number, dtype: "f32" | "f16"): string {
  const count = lowering.count("weight");
  const target: MapTarget = { dtype, vec: false, hasF16: true };
  const weight = lowering.need("weight.taps", count * (dtype === "f32" ? 4 : 2));
  lowering.flat(tapsFirstKernel(lowering.storage("weight", false), target), count, MAP_THREADS, {
    bind: { weight: "weight", y: weight },
    params: { channels, taps, count, lead: 0 },
  });
  return weight;
}

interface Rows {
  readonly kernel: ReturnType<typeof tileProduct>;
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  readonly co: number;
  readonly y: string;
  readonly weight: string;
}

function emitRows(lowering: Conv, { kernel, rows, columns, k, co, y, weight }: Rows): void {
  const { maxDispatchFlops, limits } = lowering.device;
  const m = lowering.count("y") / co;
  const widest = Math.max(lowering.scratch.get(y) ?? byteLength(lowering.spec("y")), 1) / m;
  const bindable = (limits.maxStorageBufferBindingSize - ALIGNMENT - 4) / widest;
  const budget = Math.min(bindable, maxDispatchFlops / (2 * k * co), limits.maxComputeWorkgroupsPerDimension * rows);
  const atOnce = Math.max(rows, Math.floor(budget / rows) * rows);
  for (let row = 0; row < m; row += atOnce) {
    const count = Math.min(atOnce, m - row);
    const part = (role: string) => ({ role, first: row * co, count: count * co });
    lowering.emit(kernel, {
      bind: {
        x: "x",
        history: "history",
        weight,
        bias: "bias",
        ...(lowering.has("residual") ? { residual: part("residual") } : {}),
        y: part(y),
      },
      params: {
        ...sizes(lowering),
        m: count,
        n: co,
        k,
        first_column: 0,
        columns: co,
        first_row: row,
        tokens: 1,
        gate_rows: 0,
      },
      grid: [Math.ceil(co / columns), Math.ceil(count / rows)],
      flops: 2 * count * co * k,
    });
  }
}

function sizes(lowering: Conv): Record<string, number> {
  const [, frames, height, width, channels] = lowering.shape("x");
  const [, outFrames, outHeight, outWidth] = lowering.shape("y");
  const [, kernelHeight, kernelWidth] = kernelOf(lowering.spec("weight"));
  const { stride, front, padding } = lowering.attrs;
  return {
    frames,
    height,
    width,
    channels,
    past: pastOf(lowering),
    out_frames: outFrames,
    out_height: outHeight,
    out_width: outWidth,
    kernel_height: kernelHeight,
    kernel_width: kernelWidth,
    stride_t: stride[0],
    stride_y: stride[1],
    stride_x: stride[2],
    front,
    top: padding.top,
    left: padding.left,
  };
}
