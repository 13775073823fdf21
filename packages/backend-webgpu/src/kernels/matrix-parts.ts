import { LOWEST } from "../wgsl/reduce.js";
import { type AttendShape, isTail } from "./attend-common.js";
import type { MatrixTiling } from "./matrix-tiling.js";
import { range } from "./tile-parts.js";

/**
 * A row's reference for its exponentials follows its maximum only when that has grown by this much (in powers of two).
 * Weights stay below 2^10, which half floats hold, and accumulators are rarely rescaled.
 */
const SLACK = "10.0";

/** Scores of the subgroup's rows, one matrix after the other, into workgroup memory. */
export function scores(tiling: MatrixTiling, headDim: number): string {
  const { unit, subgroupRows, keys, rowStride, scoresAt, scoreStride } = tiling;
  const tiles = subgroupRows / unit.m;
  const each = (code: (tile: number) => string) => range(tiles, code).join(" ");
  return `
    for (var j = 0u; j < trips(${keys / unit.n}u); j++) {
      ${each((t) => `var s${t} = Result();`)}
      ${range(
        headDim / unit.k,
        (i) => `{
        let k = subgroupMatrixLoad<Right, col_major>(&pool, j * ${unit.n * rowStride}u + ${(i * unit.k) / 8}u, ${rowStride}u);
        ${each((t) => `s${t} = subgroupMatrixMultiplyAccumulate(q${t}_${i}, k, s${t});`)}
      }`,
      ).join("\n      ")}
      ${each((t) => `subgroupMatrixStore<row_major>(&pool, ${scoresAt}u + (sg * ${subgroupRows}u + ${t * unit.m}u) * ${scoreStride}u + j * ${unit.n / 4}u, s${t}, ${scoreStride}u);`)}
    }`;
}

/**
 * What is added to a step's scores, four keys to a vector: the bias of pseudo-keys, and the lowest value past the last key.
 * Fetched before the products and put into workgroup memory after them, when the step needs it at all.
 */
export function maskStep(shape: AttendShape, { keys }: MatrixTiling) {
  const bias = isTail(shape)
    ? `if (now.pseudo) { mask = LOG2E * vec4f(${range(4, (e) => `load_bias(bias_row + now.stratum + min(4u * lid + ${e}u, now.live - 1u))`).join(", ")}); }`
    : "";
  const needed = `now.live < KEYS${isTail(shape) ? " || now.pseudo" : ""}`;
  return {
    fetch: `
    let masked = ${needed};
    var mask = vec4f(0);
    if (masked && lid < ${keys / 4}u) {
      ${bias}
      let key = vec4u(4u * lid, 4u * lid + 1u, 4u * lid + 2u, 4u * lid + 3u);
      mask = select(vec4f(${LOWEST}), max(mask, vec4f(${LOWEST})), key < vec4u(now.live));
    }`,
    put: `if (masked && lid < ${keys / 4}u) { masks[lid] = mask; }`,
  };
}

/** Online softmax of an invocation's part of a row; its weights go to workgroup memory as half floats. */
export function softmax({ perRow, keysEach, weightsAt, weightStride }: MatrixTiling): string {
  const vectors = keysEach / 4;
  const shuffles = range(
    Math.log2(perRow),
    (i) => `highest = max(highest, subgroupShuffleXor(highest, ${1 << i}u));`,
  ).join(" ");
  return `
    ${range(vectors, (c) => `var x${c} = bitcast<vec4f>(pool[scores_at + ${c}u]) * to_log2;`).join(" ")}
    if (masked) { ${range(vectors, (c) => `x${c} += masks[part * ${vectors}u + ${c}u];`).join(" ")} }
    let high = ${range(vectors, (c) => `x${c}`).reduce((a, b) => `max(${a}, ${b})`)};
    var highest = max(max(high.x, high.y), max(high.z, high.w));
    ${shuffles}
    var shrink = 1.0;
    let grew = highest > top + ${SLACK};
    if (grew) { shrink = exp2(top - highest); top = highest; sum *= shrink; }
    // The first step finds empty accumulators.
    if (subgroupAny(grew && now.at > first_step) && lane == 0u) { atomicStore(&rescale, 1u); }
    ${range(vectors, (c) => `let w${c} = vec4<f16>(exp2(x${c} - top));`).join(" ")}
    sum += dot(${range(vectors, (c) => `vec4f(w${c})`).join(" + ")}, vec4f(1));
    ${range(vectors / 2, (i) => `pool[${weightsAt}u + (sg * ROWS + r) * ${weightStride}u + part * ${keysEach / 8}u + ${i}u] = vec4u(bitcast<vec2u>(w${2 * i}), bitcast<vec2u>(w${2 * i + 1}));`).join(" ")}`;
}

/** Adds the weighted values to the accumulators \`oTILE_I\`. */
export function addValues(tiling: MatrixTiling, headDim: number): string {
  const { unit, subgroupRows, keys, rowStride, valuesAt, weightsAt, weightStride } = tiling;
  const tiles = subgroupRows / unit.m;
  const each = (code: (tile: number) => string) => range(tiles, code).join(" ");
  return `
    for (var j = 0u; j < trips(${keys / unit.k}u); j++) {
      ${each((t) => `let w${t} = subgroupMatrixLoad<Left, row_major>(&pool, ${weightsAt}u + (sg * ROWS + ${t * unit.m}u) * ${weightStride}u + j * ${unit.k / 8}u, ${weightStride}u);`)}
      ${range(
        headDim / unit.n,
        (i) => `{
        let v = subgroupMatrixLoad<Right, row_major>(&pool, ${valuesAt}u + j * ${unit.k * rowStride}u + ${(i * unit.n) / 8}u, ${rowStride}u);
        ${each((t) => `o${t}_${i} = subgroupMatrixMultiplyAccumulate(w${t}, v, o${t}_${i});`)}
      }`,
      ).join("\n      ")}
    }`;
}

/** Runs `between` on the accumulators, `keys` columns at a time: an invocation finds its part of its row at `scores_at`. */
export function throughMemory(
  tiling: MatrixTiling,
  headDim: number,
  between: (chunk: number) => string,
  reload: boolean,
): string {
  const { unit, subgroupRows, keys, scoresAt, scoreStride } = tiling;
  const across = keys / unit.n;
  const matrices = (chunk: number, code: (name: string, place: string) => string) =>
    range(subgroupRows / unit.m, (t) =>
      range(across, (i) =>
        code(
          `o${t}_${chunk * across + i}`,
          `${scoresAt}u + (sg * ROWS + ${t * unit.m}u) * ${scoreStride}u + ${(i * unit.n) / 4}u`,
        ),
      ).join(" "),
    ).join(" ");
  return range(
    headDim / keys,
    (chunk) => `
      ${matrices(chunk, (name, place) => `subgroupMatrixStore<row_major>(&pool, ${place}, ${name}, ${scoreStride}u);`)}
      workgroupBarrier();
      ${between(chunk)}
      workgroupBarrier();
      ${
        reload
          ? `${matrices(chunk, (name, place) => `${name} = subgroupMatrixLoad<Result, row_major>(&pool, ${place}, ${scoreStride}u);`)}
      workgroupBarrier();`
          : ""
      }`,
  ).join("");
}
