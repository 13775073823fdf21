import type { Activation } from "@spaattn/nn";
import { type Param, read, type Slot, u32, write } from "../kernel.js";
import { activation } from "../wgsl/activation.js";
import { type Modulation, modulationFunctions, modulationParams, modulationSlots } from "../wgsl/modulate.js";
import type { Storage } from "../wgsl/storage.js";

/** What happens to the sums of a product before they are stored. Absent parts cost nothing. */
export interface FinishShape {
  /** Four columns at a time, or one. */
  readonly vec: boolean;
  readonly output: Storage;
  readonly activation: Activation;
  readonly bias?: Storage | undefined;
  readonly bias2?: Storage | undefined;
  /** One factor for all columns, or one each. */
  readonly scale?: "one" | "each" | undefined;
  readonly scale2?: "one" | "each" | undefined;
  /** `act(a) * b`: the second half of the columns is the other weight's. */
  readonly pair: boolean;
  readonly gate?: Modulation | undefined;
  readonly residual?: Storage | undefined;
}

export const finishSlots = ({ bias, bias2, scale, scale2, gate, residual, output }: FinishShape): Slot[] => [
  ...(bias ? [read("bias", bias)] : []),
  ...(bias2 ? [read("bias2", bias2)] : []),
  ...(scale ? [read("scale", "f32")] : []),
  ...(scale2 ? [read("scale2", "f32")] : []),
  ...modulationSlots({ gate }),
  ...(residual ? [read("residual", residual)] : []),
  write("y", output),
];

export const finishParams: Param[] = [...modulationParams(["gate"]), ...u32("first_row")];

/** Four values of a row of `p.n` from `column` on; past its end the last one stands in. */
export const fourOf = (name: string, vec: boolean, row: string): string =>
  vec
    ? `load_${name}((${row} * p.n + column) / 4u)`
    : `vec4f(${[0, 1, 2, 3].map((e) => `load_${name}(${row} * p.n + min(column + ${e}u, p.n - 1u))`).join(", ")})`;

const scaled = (name: string, kind: "one" | "each" | undefined): string =>
  kind === undefined
    ? ""
    : kind === "one"
      ? ` * load_${name}(0u)`
      : ` * vec4f(${[0, 1, 2, 3].map((e) => `load_${name}(min(column + ${e}u, p.n - 1u))`).join(", ")})`;

/** Declares `finish(row, column, a, b)` of a product (see matmul-tile.ts); `b` stands `half` columns on, or is the pair's. */
export function finishFunctions(shape: FinishShape, half: number): string {
  const { vec, bias, bias2, scale, scale2, pair, gate, residual } = shape;
  const first = `act(a${scaled("scale", scale)}${bias ? ` + ${fourOf("bias", vec, "0u")}` : ""})`;
  const second = `(b${scaled("scale2", scale2)}${bias2 ? ` + ${fourOf("bias2", vec, "0u")}` : ""})`;
  const store = vec
    ? "store_y((row * p.n + column) / 4u, v);"
    : [0, 1, 2, 3].map((e) => `if (column + ${e}u < p.n) { store_y(row * p.n + column + ${e}u, v[${e}]); }`).join(" ");
  return `
${activation(shape.activation)}
${modulationFunctions({ gate })}
fn finish_four(row: u32, column: u32, a: vec4f, b: vec4f) {
  if (column >= p.n) { return; }
  var v = ${pair ? `${first} * ${second}` : first};
  ${gate ? `v *= ${fourOf("gate", vec, "gate_row(p.first_row + row)")};` : ""}
  ${residual ? `v += ${fourOf("residual", vec, "row")};` : ""}
  ${store}
}
fn finish(row: u32, column: u32, a: vec4f, b: vec4f) {
  ${
    pair
      ? `finish_four(row, p.first_column + column / ${2 * half}u * ${half}u + column % ${half}u, a, b);`
      : `for (var h = 0u; h < trips(2u); h++) { finish_four(row, p.first_column + column + h * ${half}u, select(a, b, h == 1u), a); }`
  }
}`;
}
