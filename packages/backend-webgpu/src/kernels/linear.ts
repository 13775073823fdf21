import { type Kernel, read } from "../kernel.js";
import type { Storage } from "../wgsl/storage.js";
import { singleQuad, type WeightForm, weightFunctions } from "../wgsl/weights.js";
import { type FinishShape, finishFunctions, finishParams, finishSlots } from "./finish.js";
import { type Product, TILE_COLUMNS, type TileSize, tileProduct } from "./matmul-tile.js";

export interface LinearShape {
  readonly x: { readonly storage: Storage; readonly vec: boolean };
  readonly weight: WeightForm;
  readonly weight2?: WeightForm | undefined;
  readonly finish: FinishShape;
}

/** Operands whose bits are taken as they are, eight half floats at a time. Only for subgroup matrices. */
export interface RawOperands {
  readonly x: boolean;
  readonly weight: boolean;
}

/**
 * The operands of a linear layer, and what becomes of its sums, as a product (see matmul-tile.ts).
 *
 * @param half columns from `a` to `b` of `finish`; in gated pairs so many of the one weight are followed by those of the other
 */
export function linearProduct(name: string, shape: LinearShape, half: number, raw?: RawOperands): Product {
  const { x, weight, weight2, finish } = shape;
  const pair = weight2 !== undefined;
  const slot = (form: WeightForm): Storage => (raw?.weight ? "f16x8" : form.storage);
  return {
    name,
    slots: [
      read("x", raw?.x ? "f16x8" : x.storage),
      read("weight", slot(weight)),
      ...(weight2 ? [read("weight2", slot(weight2))] : []),
      ...finishSlots(finish),
    ],
    params: finishParams,
    module: `
alias LeftRow = u32;
alias RightRow = u32;
fn left_row(row: u32) -> u32 { return row; }
${raw?.x ? "" : leftFunctions(x.vec)}
${raw?.weight ? "" : weightFunctions("weight", weight)}
${raw?.weight || !weight2 ? "" : weightFunctions("weight2", weight2)}
${rightRow(pair, half)}
${raw?.weight ? "" : eitherWeight("quad", 4, pair, (weightName) => `${weightName}_quad(row, q)`)}
${raw ? octFunctions(raw, pair) : ""}
${finishFunctions(finish, half)}`,
  };
}

const leftFunctions = (vec: boolean): string => `
${vec ? "fn x_quad(row: u32, q: u32) -> vec4f { return load_x(row * (p.k / 4u) + q); }" : singleQuad("x", "row * p.k")}
fn left_quad(row: u32, q: u32) -> vec4f {
  if (4u * q >= p.k) { return vec4f(0); }
  return x_quad(row, q);
}`;

/** Columns of the weight as `2 row + which`; without a pair just the row. */
const rightRow = (pair: boolean, half: number): string =>
  pair
    ? `fn right_row(column: u32) -> u32 {
  return min(column / ${2 * half}u * ${half}u + column % ${half}u, p.columns - 1u) * 2u + (column / ${half}u) % 2u;
}`
    : "fn right_row(column: u32) -> u32 { return min(column, p.columns - 1u); }";

const eitherWeight = (what: "quad" | "oct", size: number, pair: boolean, load: (name: string) => string): string => `
fn right_${what}(column: u32, q: u32) -> ${what === "quad" ? "vec4f" : "vec4u"} {
  if (${size}u * q >= p.k) { return ${what === "quad" ? "vec4f" : "vec4u"}(0); }
  let row = ${pair ? "column / 2u" : "column"};
  ${pair ? `if (column % 2u == 1u) { return ${load("weight2")}; }` : ""}
  return ${load("weight")};
}`;

const octFunctions = (raw: RawOperands, pair: boolean): string => `
fn left_oct(row: u32, o: u32) -> vec4u {
  ${
    raw.x
      ? "if (8u * o >= p.k) { return vec4u(0); }\n  return load_x(row * (p.k / 8u) + o);"
      : "return half_bits(left_quad(row, 2u * o), left_quad(row, 2u * o + 1u));"
  }
}
${
  raw.weight
    ? eitherWeight("oct", 8, pair, (name) => `load_${name}(row * (p.k / 8u) + q)`)
    : "fn right_oct(column: u32, o: u32) -> vec4u { return half_bits(right_quad(column, 2u * o), right_quad(column, 2u * o + 1u)); }"
}`;

export const linearKernel = (shape: LinearShape, size: TileSize): Kernel =>
  tileProduct(size, linearProduct(`linear.tile${size.rowsEach === 8 ? "" : ".small"}`, shape, TILE_COLUMNS / 2));
