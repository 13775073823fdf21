import { LOWEST } from "../wgsl/reduce.js";
import type { AttendShape } from "./attend-common.js";
import type { MatrixTiling } from "./matrix-tiling.js";
import { range } from "./tile-parts.js";

/**
 * A row's reference for its exponentials follows its maximum only when that has grown by this much (in powers of two).
 * Weights stay below 2^10, which half floats hold, and accumulators are rarely rescaled.
 */
const SLACK = "10.0";

const isTail = ({ dense, rectify }: AttendShape) => !dense && rectify === "tail";

/** Steps over the keys that count, and loads of eight half floats. Pseudo-keys are f32 and are rounded on the way. */
export function stepFunctions(shape: AttendShape, { keys }: MatrixTiling): string {
  const tail = isTail(shape);
  const either = (name: string) =>
    tail
      ? `fn ${name}_bits(pseudo: bool, at: u32) -> vec4u {
  if (pseudo) { return half_bits(load_strata_${name}(2u * at), load_strata_${name}(2u * at + 1u)); }
  return load_${name}(at);
}`
      : `fn ${name}_bits(pseudo: bool, at: u32) -> vec4u { return load_${name}(at); }`;
  return `
fn half_bits(a: vec4f, b: vec4f) -> vec4u {
  return vec4u(bitcast<vec2u>(vec4<f16>(a)), bitcast<vec2u>(vec4<f16>(b)));
}
${either("key")}
${either("value")}
/** Keys \`base\` to \`base + live\`: rows of a head, or pseudo-keys from \`stratum\` on. No keys are left when \`live\` is 0. */
struct Step { at: u32, base: u32, live: u32, stratum: u32, pseudo: bool }
fn next_step(start: u32, head: u32, block: u32, text: u32, exact_steps: u32, steps: u32, head_strata: u32) -> Step {
  let sub = p.block_size / ${keys}u;
  var s = Step(start, 0u, 0u, 0u, false);
  for (; s.at < steps; s.at++) {
    ${
      tail
        ? `if (s.at >= exact_steps) {
      s.pseudo = true;
      s.stratum = (s.at - exact_steps) * ${keys}u;
      s.base = head_strata + s.stratum;
      s.live = min(p.strata - s.stratum, ${keys}u);
      break;
    }`
        : ""
    }
    let key_block = list_entry(head, block, s.at / sub);
    let k0 = block_start(key_block) + (s.at % sub) * ${keys}u;
    let end = block_end(key_block, text);
    if (k0 < end) {
      s.base = head * p.tokens + k0;
      s.live = min(end - k0, ${keys}u);
      break;
    }
  }
  return s;
}`;
}

/** Queries pass through workgroup memory into matrices \`qTILE_I\`; rows past the end repeat the last. */
export function loadQueries(tiling: MatrixTiling, headDim: number): string {
  const { unit, rows, subgroupRows, threads, rowStride } = tiling;
  const matrix = (tile: number, i: number) =>
    `let q${tile}_${i} = subgroupMatrixLoad<Left, row_major>(&pool, (sg * ${subgroupRows}u + ${tile * unit.m}u) * ${rowStride}u + ${(i * unit.k) / 8}u, ${rowStride}u);`;
  return `
  for (var i = lid; i < ${(rows * headDim) / 8}u; i += ${threads}u) {
    let row = min(row0 + i / EIGHTS, last_row);
    pool[i / EIGHTS * ${rowStride}u + i % EIGHTS] = load_query((head_rows + row) * EIGHTS + i % EIGHTS);
  }
  workgroupBarrier();
  ${range(subgroupRows / unit.m, (tile) => range(headDim / unit.k, (i) => matrix(tile, i)).join("\n  ")).join("\n  ")}
  workgroupBarrier();`;
}

/** Each invocation's share of a step's keys or values: `fetch` into registers, `put` into workgroup memory. */
export function staging(name: "key" | "value", tiling: MatrixTiling, headDim: number) {
  const { keys, threads, rowStride, valuesAt } = tiling;
  const total = (keys * headDim) / 8;
  const count = Math.ceil(total / threads);
  const inside = (i: number, code: string) =>
    (i + 1) * threads <= total ? code : `if (lid + ${i * threads}u < ${total}u) { ${code} }`;
  const at = (i: number) => `(lid + ${i * threads}u)`;
  const begin = name === "value" ? valuesAt : 0;
  return {
    fetch: (step: string) =>
      range(
        count,
        (i) =>
          `let ${name}${i} = ${name}_bits(${step}.pseudo, (${step}.base + min(${at(i)} / EIGHTS, ${step}.live - 1u)) * EIGHTS + ${at(i)} % EIGHTS);`,
      ).join("\n    "),
    put: range(count, (i) =>
      inside(i, `pool[${begin}u + ${at(i)} / EIGHTS * ${rowStride}u + ${at(i)} % EIGHTS] = ${name}${i};`),
    ).join("\n    "),
  };
}

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
