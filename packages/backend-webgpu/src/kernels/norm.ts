import type { Activation } from "@spaattn/nn";
import { assemble, f32, type Kernel, type Param, read, type Slot, u32, write } from "../kernel.js";
import { activation } from "../wgsl/activation.js";
import { type Modulation, modulationFunctions, modulationParams, modulationSlots } from "../wgsl/modulate.js";
import { rowSums } from "../wgsl/row-sums.js";
import type { Storage } from "../wgsl/storage.js";
import { range } from "./tile-parts.js";

export const NORM_THREADS = 256;

/** What is done to a normalised number. Lanes are vectors of four numbers, or single ones. */
export interface NormFinish {
  readonly four: boolean;
  readonly x: Storage;
  readonly output: Storage;
  readonly weight?: Storage | undefined;
  readonly bias?: Storage | undefined;
  readonly shift?: Modulation | undefined;
  readonly scale?: Modulation | undefined;
  readonly activation: Activation;
}

export interface NormShape extends NormFinish {
  readonly kind: "layer" | "rms" | "l2";
  /** Invocations that share a row: 16, 64 or 256. */
  readonly threads: number;
  /** Lanes of an invocation that it keeps in registers; 0: it reads the row again for every pass. */
  readonly kept: number;
}

export const normSlots = ({ x, weight, bias, shift, scale, output }: NormFinish): Slot[] => [
  read("x", x),
  ...(weight ? [read("weight", weight)] : []),
  ...(bias ? [read("bias", bias)] : []),
  ...modulationSlots({ shift, scale }),
  write("y", output),
];

export const normParams: Param[] = [
  ...u32("rows", "lanes", "width", "wide"),
  ...f32("eps", "root"),
  ...modulationParams(["shift", "scale"]),
];

/** Declares `finished(row, lane, n)`: affine, modulation, activation, in this order. */
export function normFinish({ four, weight, bias, shift, scale, activation: kind }: NormFinish): string {
  const type = four ? "vec4f" : "f32";
  const act = four ? "act(v)" : "act(vec4f(v)).x";
  return `${activation(kind)}
${modulationFunctions({ shift, scale })}
fn finished(row: u32, lane: u32, n: ${type}) -> ${type} {
  var v = n;
  ${weight ? "v *= load_weight(lane);" : ""}
  ${bias ? "v += load_bias(lane);" : ""}
  ${scale ? "v *= 1.0 + load_scale(scale_row(row) * p.lanes + lane);" : ""}
  ${shift ? "v += load_shift(shift_row(row) * p.lanes + lane);" : ""}
  return ${kind === "none" ? "v" : act};
}`;
}

/** Normalises rows: 16 to 256 invocations each, so that a workgroup has one row or several. */
export function normKernel(shape: NormShape): Kernel {
  const { kind, four, threads, kept } = shape;
  const type = four ? "vec4f" : "f32";
  const total = (value: string) => (four ? `dot(${value}, vec4f(1))` : value);
  const square = (value: string) => (four ? `dot(${value}, ${value})` : `${value} * ${value}`);
  const pass = (code: (v: string, lane: string) => string) =>
    kept > 0
      ? range(kept, (j) => `if (lane + ${j * threads}u < lanes) { ${code(`v${j}`, `(lane + ${j * threads}u)`)} }`).join(
          "\n  ",
        )
      : `for (var l = lane; l < lanes; l += ${threads}u) { let v = load_x(at + l); ${code("v", "l")} }`;
  const layer = kind === "layer";
  return assemble({
    name: `norm.${kind}.${threads}`,
    slots: normSlots(shape),
    params: normParams,
    workgroup: [NORM_THREADS],
    module: `${rowSums(NORM_THREADS, threads)}\n${normFinish(shape)}`,
    body: `
  let row = (wid.y * p.wide + wid.x) * ${NORM_THREADS / threads}u + lid / ${threads}u;
  let lane = lid % ${threads}u;
  // Rows past the end take part in the sums, with nothing.
  let lanes = select(0u, p.lanes, row < p.rows);
  let at = row * p.lanes;
  ${range(kept, (j) => `var v${j} = ${type}(0); if (lane + ${j * threads}u < lanes) { v${j} = load_x(at + lane + ${j * threads}u); }`).join("\n  ")}
  ${
    layer
      ? `var sum = 0.0;
  ${pass((v) => `sum += ${total(v)};`)}
  let mean = row_sum(lid, sum) / f32(p.width);`
      : ""
  }
  var squares = 0.0;
  ${pass((v) => (layer ? `let d = ${v} - mean; squares += ${square("d")};` : `squares += ${square(v)};`))}
  squares = row_sum(lid, squares);
  let factor = ${kind === "l2" ? "p.root / select(sqrt(squares), p.eps, sqrt(squares) < p.eps)" : "inverseSqrt(squares / f32(p.width) + p.eps)"};
  ${pass((v, l) => `store_y(at + ${l}, finished(row, ${l}, ${layer ? `(${v} - mean)` : v} * factor));`)}`,
  });
}
