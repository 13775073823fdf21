import { assemble, type Kernel, type Param, type Slot, u32 } from "../kernel.js";
import { range } from "./tile-parts.js";

/** Invocations of a workgroup: 16 by 16. */
const SIDE = 16;
const THREADS = SIDE * SIDE;
/** Columns of a workgroup: two vectors of four for each of 16 invocations, 64 columns apart. */
export const TILE_COLUMNS = 128;

export interface TileSize {
  /** Rows of an invocation, 8 or 4; a workgroup has sixteen times as many. */
  readonly rowsEach: 8 | 4;
  /** Products of one step; 16 where workgroup memory allows it. */
  readonly depth: 8 | 16;
}

/** Memory of a step's operands in vectors; rows of the step are padded, so that what is stored lies in different banks. */
const strides = ({ rowsEach }: TileSize) => ({ left: (SIDE * rowsEach) / 4 + 1, right: TILE_COLUMNS / 4 + 1 });

/** Few rows get small tiles, so that there are workgroups enough. */
export function tileSize(m: number, n: number, limits: GPUSupportedLimits): TileSize {
  const large = Math.ceil(m / 128) * Math.ceil(n / TILE_COLUMNS);
  const rowsEach = m > 64 && large >= 160 ? 8 : 4;
  const { left, right } = strides({ rowsEach, depth: 16 });
  return { rowsEach, depth: 16 * 16 * (left + right) <= limits.maxComputeWorkgroupStorageSize ? 16 : 8 };
}

/**
 * A product of rows with columns, both handed out in vectors of four along what is summed over.
 *
 * `module` declares, besides what they need: `left_row(row)`, what to remember of a row, a `LeftRow`; `left_quad(LeftRow, q)`, its
 * numbers 4 q to 4 q + 3, zero past the end; `right_row` and `right_quad` likewise for columns; and
 * `finish(row, column, a, b)`, which gets four sums of a row from `column` on, and those from `column + 64` on.
 */
export interface Product {
  readonly name: string;
  readonly slots: readonly Slot[];
  readonly params: readonly Param[];
  readonly module: string;
}

/** One of the sums by its row: registers cannot be indexed, and compilers unroll this away. */
const pick = (name: string, rows: number): string => {
  const half = (first: number) =>
    `select(select(${name}${first}, ${name}${first + 1}, (r & 1u) == 1u), select(${name}${first + 2}, ${name}${first + 3}, (r & 1u) == 1u), (r & 2u) == 2u)`;
  return rows === 4 ? half(0) : `select(${half(0)}, ${half(4)}, r > 3u)`;
};

/** Parameters of every product: rows and columns; of these, the first of a dispatch and how many it has. */
export const PRODUCT_PARAMS = u32("m", "n", "k", "first_column", "columns");

/**
 * 128 (or 64) rows by 128 columns per workgroup, 8 (or 4) rows by 8 columns in the registers of each invocation.
 *
 * Operands are staged transposed, so that an invocation reads four rows, or four columns, at once; while a step is
 * multiplied, its invocations wait for the next step's numbers in registers.
 */
export function tileProduct(size: TileSize, { name, slots, params, module }: Product): Kernel {
  const { rowsEach, depth } = size;
  const stride = strides(size);
  const quads = depth / 4;
  const leftBlocks = ((SIDE * rowsEach) / 4) * quads;
  const rightBlocks = (TILE_COLUMNS / 4) * quads;
  const rightAt = depth * stride.left;
  const rowVectors = rowsEach / 4;
  const four = (code: (e: number) => string) => range(4, code).join(" ");
  const transposed = ["x", "y", "z", "w"]
    .map((c, e) => `stage[put_at + ${e}u * put_stride] = vec4f(s0.${c}, s1.${c}, s2.${c}, s3.${c});`)
    .join(" ");
  return assemble({
    name,
    slots,
    params: [...PRODUCT_PARAMS, ...params],
    workgroup: [THREADS],
    module: `${module}
var<workgroup> stage: array<vec4f, ${rightAt + depth * stride.right}>;`,
    body: `
  let row0 = wid.y * ${SIDE * rowsEach}u;
  let column0 = wid.x * ${TILE_COLUMNS}u;
  let tx = lid % ${SIDE}u;
  let ty = lid / ${SIDE}u;
  let is_left = lid < ${leftBlocks}u;
  let block = select(lid - ${leftBlocks}u, lid, is_left);
  let quad = block % ${quads}u;
  let place = block / ${quads}u;
  ${four((e) => `var l${e}: LeftRow; var r${e}: RightRow; var s${e} = vec4f(0);`)}
  if (is_left) { ${four((e) => `l${e} = left_row(min(row0 + place * 4u + ${e}u, p.m - 1u));`)} }
  else { ${four((e) => `r${e} = right_row(column0 + place * 4u + ${e}u);`)} }
  let put_stride = select(${stride.right}u, ${stride.left}u, is_left);
  let put_at = select(${rightAt}u, 0u, is_left) + quad * 4u * put_stride + place;
  ${range(rowsEach, (r) => `var a${r} = vec4f(0); var b${r} = vec4f(0);`).join(" ")}
  let quads = (p.k + 3u) / 4u;
  // What a step needs is fetched while the step before is multiplied; past the end there are zeros.
  for (var q = 0u; q < quads + ${quads}u; q += ${quads}u) {
    if (is_left) { ${four((e) => `s${e} = left_quad(l${e}, q + quad);`)} }
    else if (lid < ${leftBlocks + rightBlocks}u) { ${four((e) => `s${e} = right_quad(r${e}, q + quad);`)} }
    if (q > 0u) {
      for (var c = 0u; c < trips(${depth}u); c++) {
        ${range(rowVectors, (v) => `let x${v} = stage[c * ${stride.left}u + ty * ${rowVectors}u + ${v}u];`).join(" ")}
        let y0 = stage[${rightAt}u + c * ${stride.right}u + tx];
        let y1 = stage[${rightAt}u + c * ${stride.right}u + tx + ${SIDE}u];
        ${range(rowsEach, (r) => {
          const x = `vec4f(x${r >> 2}[${r & 3}])`;
          return `a${r} = fma(${x}, y0, a${r}); b${r} = fma(${x}, y1, b${r});`;
        }).join("\n        ")}
      }
    }
    workgroupBarrier();
    if (lid < ${leftBlocks + rightBlocks}u) { ${transposed} }
    workgroupBarrier();
  }
  let row = row0 + ty * ${rowsEach}u;
  let column = column0 + tx * 4u;
  for (var r = 0u; r < trips(${rowsEach}u); r++) {
    if (row + r < p.m) { finish(row + r, column, ${pick("a", rowsEach)}, ${pick("b", rowsEach)}); }
  }`,
  });
}
