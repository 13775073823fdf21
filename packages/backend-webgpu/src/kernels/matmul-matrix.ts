import { assemble, type Kernel } from "../kernel.js";
import { MATRIX_DIRECTIVES, type MatrixUnit, matrixTypes } from "../matrix.js";
import { PRODUCT_PARAMS, type Product } from "./matmul-tile.js";
import { range } from "./tile-parts.js";

/** How a product is cut for subgroup matrices. Places in workgroup memory count `vec4u`, eight half floats. */
export interface ProductTiling {
  readonly unit: MatrixUnit;
  readonly threads: number;
  /** Rows and columns of a workgroup. */
  readonly rows: number;
  readonly columns: number;
}

/** Matrices of a subgroup, and subgroups of a workgroup, on top of and beside each other. */
const TILES = { down: 2, across: 4 } as const;
const GROUPS = { down: 4, across: 2 } as const;
/** Products of one step, in eights; the stride is odd, so that rows lie in different banks. */
const EIGHTS = 4;
const STRIDE = EIGHTS + 1;

/** The tiling for a unit, or why it does not fit the device. */
export function productTiling(unit: MatrixUnit, limits: GPUSupportedLimits): ProductTiling | string {
  const threads = GROUPS.down * GROUPS.across * unit.subgroup;
  const tiling = {
    unit,
    threads,
    rows: GROUPS.down * TILES.down * unit.m,
    columns: GROUPS.across * TILES.across * unit.n,
  };
  const { maxComputeInvocationsPerWorkgroup: invocations, maxComputeWorkgroupStorageSize: memory } = limits;
  if (threads > invocations) return `they need ${threads} invocations, of ${invocations}`;
  if (
    (8 * EIGHTS) % unit.k !== 0 ||
    (tiling.rows * EIGHTS) % threads !== 0 ||
    (tiling.columns * EIGHTS) % threads !== 0
  )
    return `no tiling fits matrices of ${unit.m} x ${unit.n} x ${unit.k}`;
  const needed = 16 * poolOf(tiling);
  return needed > memory ? `their tiles need ${needed} bytes of workgroup memory, of ${memory}` : tiling;
}

const resultVectors = ({ m, n }: MatrixUnit) => (m * n) / 4;
const poolOf = ({ unit, rows, columns }: ProductTiling) =>
  Math.max((rows + columns) * STRIDE, 2 * GROUPS.down * GROUPS.across * resultVectors(unit));

/**
 * The product (see matmul-tile.ts) of half floats on matrix units, with f32 sums. `module` declares `left_oct(LeftRow, o)` and
 * `right_oct(RightRow, o)` as well: the bits of numbers 8 o to 8 o + 7. WGSL cannot reach the elements of a matrix, so sums
 * pass through workgroup memory at the end, two matrices of a subgroup at a time; in `finish`, `b` stands `unit.n` columns on.
 */
export function matrixProductKernel(tiling: ProductTiling, { name, slots, params, module }: Product): Kernel {
  const { unit, threads, rows, columns } = tiling;
  const lefts = (rows * EIGHTS) / threads;
  const rights = (columns * EIGHTS) / threads;
  const at = (i: number) => `(lid + ${i * threads}u)`;
  const fetch = [
    ...range(lefts, (i) => `x${i} = left_oct(l${i}, o + oct);`),
    ...range(rights, (i) => `w${i} = right_oct(r${i}, o + oct);`),
  ].join(" ");
  const put = [
    ...range(lefts, (i) => `pool[${at(i)} / ${EIGHTS}u * ${STRIDE}u + oct] = x${i};`),
    ...range(rights, (i) => `pool[(${rows}u + ${at(i)} / ${EIGHTS}u) * ${STRIDE}u + oct] = w${i};`),
  ].join(" ");
  const vectors = resultVectors(unit);
  const wide = unit.n / 4;
  return assemble({
    name,
    directives: MATRIX_DIRECTIVES,
    builtins: ["@builtin(subgroup_id) sg: u32", "@builtin(subgroup_invocation_id) lane: u32"],
    slots,
    params: [...PRODUCT_PARAMS, ...params],
    workgroup: [threads],
    module: `${module}
fn half_bits(a: vec4f, b: vec4f) -> vec4u { return vec4u(bitcast<vec2u>(vec4<f16>(a)), bitcast<vec2u>(vec4<f16>(b))); }
${matrixTypes(unit)}
var<workgroup> pool: array<vec4u, ${poolOf(tiling)}>;`,
    body: `
  let row0 = wid.y * ${rows}u;
  let column0 = wid.x * ${columns}u;
  let down = sg / ${GROUPS.across}u * ${TILES.down * unit.m}u;
  let across = sg % ${GROUPS.across}u * ${TILES.across * unit.n}u;
  let oct = lid % ${EIGHTS}u;
  ${range(lefts, (i) => `let l${i} = left_row(min(row0 + ${at(i)} / ${EIGHTS}u, p.m - 1u)); var x${i} = vec4u(0);`).join("\n  ")}
  ${range(rights, (i) => `let r${i} = right_row(column0 + ${at(i)} / ${EIGHTS}u); var w${i} = vec4u(0);`).join("\n  ")}
  ${range(TILES.down, (t) => range(TILES.across, (i) => `var s${t}_${i} = Result();`).join(" ")).join(" ")}
  let octs = (p.k + 7u) / 8u;
  // What a step needs is fetched while the step before is multiplied; past the end there are zeros.
  for (var o = 0u; o < octs + ${EIGHTS}u; o += ${EIGHTS}u) {
    ${fetch}
    if (o > 0u) {
    for (var j = 0u; j < trips(${(8 * EIGHTS) / unit.k}u); j++) {
      ${range(TILES.down, (t) => `let left${t} = subgroupMatrixLoad<Left, row_major>(&pool, (down + ${t * unit.m}u) * ${STRIDE}u + j * ${unit.k / 8}u, ${STRIDE}u);`).join("\n      ")}
      ${range(
        TILES.across,
        (i) => `{
        let right = subgroupMatrixLoad<Right, col_major>(&pool, (${rows}u + across + ${i * unit.n}u) * ${STRIDE}u + j * ${unit.k / 8}u, ${STRIDE}u);
        ${range(TILES.down, (t) => `s${t}_${i} = subgroupMatrixMultiplyAccumulate(left${t}, right, s${t}_${i});`).join(" ")}
      }`,
      ).join("\n      ")}
    }
    }
    workgroupBarrier();
    ${put}
    workgroupBarrier();
  }
  let area = sg * ${2 * vectors}u;
  ${range(TILES.down, (t) =>
    range(
      TILES.across / 2,
      (i) => `
  subgroupMatrixStore<row_major>(&pool, area, s${t}_${2 * i}, ${wide}u);
  subgroupMatrixStore<row_major>(&pool, area + ${vectors}u, s${t}_${2 * i + 1}, ${wide}u);
  workgroupBarrier();
  for (var v = lane; v < ${vectors}u; v += ${unit.subgroup}u) {
    let row = row0 + down + ${t * unit.m}u + v / ${wide}u;
    if (row < p.m) {
      finish(row, column0 + across + ${2 * i * unit.n}u + v % ${wide}u * 4u, bitcast<vec4f>(pool[area + v]), bitcast<vec4f>(pool[area + ${vectors}u + v]));
    }
  }
  workgroupBarrier();`,
    ).join(""),
  ).join("")}`,
  });
}
