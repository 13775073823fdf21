import { range } from "./tile-parts.js";

/** Rows and columns of invocations of a workgroup. */
const SIDE = 8;
export const PRODUCT_THREADS = SIDE * SIDE;
/** Vectors of four channels that are staged at once. */
const DEPTH = 4;

/** Sums over channels of products of a row's vectors with a column's: a small matrix product, or several at once. */
export interface Products {
  readonly lanes: number;
  /** Rows, and columns, of an invocation; a workgroup has eight times as many of each. */
  readonly each: number;
  /** WGSL of the vector of four channels `c` of row `i` (column `u`), for every operand. */
  readonly left: readonly string[];
  readonly right: readonly string[];
  /** Which left operand meets which right one. */
  readonly pairs: readonly (readonly [left: number, right: number])[];
}

/** Few rows get small tiles, so that there are workgroups enough. */
export const productTile = (rows: number): { each: number; tile: number } => {
  const each = rows >= 96 ? 4 : 2;
  return { each, tile: SIDE * each };
};

/** Workgroup memory of the operands; a padded stride keeps channels on different banks. */
export function productMemory({ each, left, right }: Products): string {
  const vectors = (operands: readonly string[]) => operands.length * DEPTH * (SIDE * each + 1);
  return `var<workgroup> lefts: array<vec4f, ${vectors(left)}>;
var<workgroup> rights: array<vec4f, ${vectors(right)}>;`;
}

/**
 * Computes the products: `sumP_A_B` is pair P of row `row0 + lid / 8 + 8 A` and column `column0 + lid % 8 + 8 B`.
 *
 * The caller declares `row0`, `column0` and the last of each, `last_row` and `last_column`, which stand in for what is beyond.
 */
export function productBody(products: Products): string {
  const { lanes, each, left, right, pairs } = products;
  const tile = SIDE * each;
  const stride = tile + 1;
  const stage = (name: string, index: string, operands: readonly string[]) => `
    for (var s = lid; s < ${tile * DEPTH}u; s += ${PRODUCT_THREADS}u) {
      let c = lane0 + s % ${DEPTH}u;
      let at = (s % ${DEPTH}u) * ${stride}u + s / ${DEPTH}u;
      let ${index} = min(${index === "i" ? "row0" : "column0"} + s / ${DEPTH}u, ${index === "i" ? "last_row" : "last_column"});
      ${operands.map((load, o) => `var ${name}${o} = vec4f(0); if (c < ${lanes}u) { ${name}${o} = ${load}; } ${name}s[${o * DEPTH * stride}u + at] = ${name}${o};`).join("\n      ")}
    }`;
  const all = <T>(code: (a: number, b: number) => T) => range(each, (a) => range(each, (b) => code(a, b))).flat();
  const fetch = (name: string, operand: number, n: number, place: string) =>
    `let ${name}${operand}_${n} = ${name}s[${operand * DEPTH * stride + n * SIDE}u + c * ${stride}u + ${place}];`;
  return `
  ${pairs.map((_, q) => all((a, b) => `var sum${q}_${a}_${b} = 0.0;`).join(" ")).join("\n  ")}
  let y = lid / ${SIDE}u;
  let x = lid % ${SIDE}u;
  for (var lane0 = 0u; lane0 < trips(${lanes}u); lane0 += ${DEPTH}u) {
    workgroupBarrier();
    ${stage("left", "i", left)}
    ${stage("right", "u", right)}
    workgroupBarrier();
    for (var c = 0u; c < trips(${DEPTH}u); c++) {
      ${left.map((_, o) => range(each, (a) => fetch("left", o, a, "y")).join(" ")).join("\n      ")}
      ${right.map((_, o) => range(each, (b) => fetch("right", o, b, "x")).join(" ")).join("\n      ")}
      ${pairs.map(([l, r], q) => all((a, b) => `sum${q}_${a}_${b} += dot(left${l}_${a}, right${r}_${b});`).join(" ")).join("\n      ")}
    }
  }`;
}

/** Runs `code` for every row `i` and column `u` of the invocation that exists, with the names of its sums. */
export const eachProduct = (
  { each, pairs }: Products,
  inside: string,
  code: (sums: readonly string[]) => string,
): string =>
  range(each, (a) =>
    range(
      each,
      (b) => `{
    let i = row0 + y + ${a * SIDE}u;
    let u = column0 + x + ${b * SIDE}u;
    if (${inside}) {
      ${code(pairs.map((_, q) => `sum${q}_${a}_${b}`))}
    }
  }`,
    ).join("\n  "),
  ).join("\n  ");
