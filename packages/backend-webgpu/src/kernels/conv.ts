import { type Kernel, type Param, read, u32 } from "../kernel.js";
import { type MapTarget, mapKernel } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";
import { weightFunctions } from "../wgsl/weights.js";
import { type FinishShape, finishFunctions, finishParams, finishSlots } from "./finish.js";
import type { Product } from "./matmul-tile.js";
import { range } from "./tile-parts.js";

export interface ConvShape {
  readonly x: Storage;
  /** Channels that are loaded at once: eight half floats as they are, a vector, or one number. */
  readonly lanes: 8 | 4 | 1;
  readonly history: boolean;
  readonly mode: "zero" | "replicate";
  /** The weight by taps, `[co, taps * ci]`, in f32; or in f16 for subgroup matrices. */
  readonly weight: "f32" | "f16";
  readonly finish: FinishShape;
}

/** A weight `[co, ci, taps]` as `[co, taps, ci]`: then channels lie together, as in the pixels they meet. */
export const tapsFirstKernel = (weight: Storage, target: MapTarget): Kernel =>
  mapKernel(target, {
    name: "conv.weight",
    slots: [read("weight", weight)],
    params: u32("channels", "taps"),
    module: `fn value(i: u32) -> f32 {
  let c = i % p.channels;
  let tap = i / p.channels % p.taps;
  return load_weight((i / p.channels / p.taps * p.channels + c) * p.taps + tap);
}`,
  });

const SIZES = ["frames", "height", "width", "channels", "past", "out_frames", "out_height", "out_width"];
const convParams: Param[] = [
  ...u32(...SIZES, "kernel_height", "kernel_width", "stride_t", "stride_y", "stride_x", "front", "top", "left"),
];

/**
 * A convolution as a product (see matmul-tile.ts) whose rows are never made: row by row the pixels under the kernel, tap after
 * tap. Frames before the first come from the history, and before that are zeros or the first frame there is.
 */
export function convProduct(name: string, shape: ConvShape, half: number): Product {
  const { x, history, weight, finish, lanes } = shape;
  return {
    name,
    slots: [
      read("x", x),
      ...(history ? [read("history", x)] : []),
      read("weight", weightStorage(shape)),
      ...finishSlots(finish),
    ],
    params: [...convParams, ...finishParams],
    module: `
struct LeftRow { item: u32, t: i32, y: i32, x: i32 }
alias RightRow = u32;
fn left_row(local: u32) -> LeftRow {
  let row = p.first_row + local;
  let column = row % p.out_width;
  let line = row / p.out_width % p.out_height;
  let frame = row / p.out_width / p.out_height % p.out_frames;
  return LeftRow(
    row / p.out_width / p.out_height / p.out_frames,
    i32(frame * p.stride_t) - i32(p.front),
    i32(line * p.stride_y) - i32(p.top),
    i32(column * p.stride_x) - i32(p.left),
  );
}
${placeFunction(shape)}
${pixelFunctions(shape)}
fn right_row(column: u32) -> u32 { return min(column, p.columns - 1u); }
${
  weight === "f16" && lanes === 8
    ? `fn right_oct(row: u32, o: u32) -> vec4u {
  if (8u * o >= p.k) { return vec4u(0); }
  return load_weight(row * (p.k / 8u) + o);
}`
    : `${weightFunctions("weight", { storage: weightStorage(shape), vec: lanes !== 1 })}
fn right_quad(row: u32, q: u32) -> vec4f {
  if (4u * q >= p.k) { return vec4f(0); }
  return weight_quad(row, q);
}
${weight === "f16" ? "fn right_oct(row: u32, o: u32) -> vec4u { return half_bits(right_quad(row, 2u * o), right_quad(row, 2u * o + 1u)); }" : ""}`
}
${finishFunctions(finish, half)}`,
  };
}

const weightStorage = ({ weight, lanes }: ConvShape): Storage =>
  weight === "f32" ? (lanes === 1 ? "f32" : "f32x4") : lanes === 8 ? "f16x8" : lanes === 4 ? "f16" : "f16x1";

/** Declares `place(LeftRow, tap)`: the pixel under a tap; where it is zero, in the history, or in `x`. */
const placeFunction = ({ mode, history }: ConvShape): string => `
struct Place { at: u32, source: u32 }
fn place(l: LeftRow, tap: u32) -> Place {
  let area = p.kernel_height * p.kernel_width;
  let frame = l.t + i32(tap / area);
  var y = l.y + i32(tap % area / p.kernel_width);
  var x = l.x + i32(tap % p.kernel_width);
  ${
    mode === "zero"
      ? "if (y < 0 || x < 0 || y >= i32(p.height) || x >= i32(p.width)) { return Place(0u, 0u); }"
      : "y = clamp(y, 0, i32(p.height) - 1); x = clamp(x, 0, i32(p.width) - 1);"
  }
  let pixel = u32(y) * p.width + u32(x);
  ${
    history
      ? `if (frame < 0) {
    let before = frame + i32(p.past);
    ${mode === "zero" ? "if (before < 0) { return Place(0u, 0u); }" : ""}
    return Place((l.item * p.past + u32(max(before, 0))) * p.height * p.width + pixel, 2u);
  }`
      : mode === "zero"
        ? "if (frame < 0) { return Place(0u, 0u); }"
        : ""
  }
  return Place((l.item * p.frames + u32(max(frame, 0))) * p.height * p.width + pixel, 1u);
}`;

/** Declares `left_quad` (and `left_oct`): channels of the pixel under a tap. */
function pixelFunctions({ lanes, history, weight }: ConvShape): string {
  const type = lanes === 8 ? "vec4u" : lanes === 4 ? "vec4f" : "f32";
  const pixel = `
fn pixel(l: LeftRow, tap: u32, lane: u32) -> ${type} {
  let found = place(l, tap);
  let at = found.at * (p.channels / ${lanes}u) + lane;
  ${history ? "if (found.source == 2u) { return load_history(at); }" : ""}
  if (found.source == 1u) { return load_x(at); }
  return ${type}(0);
}`;
  const octs =
    "fn left_oct(l: LeftRow, o: u32) -> vec4u { return half_bits(left_quad(l, 2u * o), left_quad(l, 2u * o + 1u)); }";
  if (lanes === 8)
    return `${pixel}
fn left_oct(l: LeftRow, o: u32) -> vec4u {
  if (8u * o >= p.k) { return vec4u(0); }
  let lanes = p.channels / 8u;
  return pixel(l, o / lanes, o % lanes);
}`;
  if (lanes === 4)
    return `${pixel}
fn left_quad(l: LeftRow, q: u32) -> vec4f {
  if (4u * q >= p.k) { return vec4f(0); }
  let lanes = p.channels / 4u;
  return pixel(l, q / lanes, q % lanes);
}
${weight === "f16" ? octs : ""}`;
  return `${pixel}
fn left_quad(l: LeftRow, q: u32) -> vec4f {
  var v = vec4f(0);
  ${range(4, (e) => `if (4u * q + ${e}u < p.k) { v[${e}] = pixel(l, (4u * q + ${e}u) / p.channels, (4u * q + ${e}u) % p.channels); }`).join("\n  ")}
  return v;
}
${weight === "f16" ? octs : ""}`;
}
