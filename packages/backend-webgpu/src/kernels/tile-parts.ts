import { LOWEST } from "../wgsl/reduce.js";
import { type AttendShape, QUERY_TILE } from "./attend-common.js";

/** Keys of one step, and columns of invocations that share them. */
export const KEYS = 64;
export const COLUMNS = 16;
export const THREADS = COLUMNS * (QUERY_TILE / 8);
/** Row quads of a workgroup, and the padded stride that keeps column accesses on different banks. */
export const QUADS = QUERY_TILE / 4;
export const PART_STRIDE = QUADS + 1;
const VALUE_ROWS = 16;
/** Channels staged at once for the scores; keys lie behind the queries. */
export const CHANNELS = 16;
const LANES_AT_ONCE = CHANNELS / 4;
export const KEYS_AT = CHANNELS * QUADS;
/** Vectors of the stage: queries and keys of a few channels, or values of a few keys (of at most 128 channels). */
export const STAGE = Math.max(KEYS_AT + CHANNELS * COLUMNS, (VALUE_ROWS * 128) / 4);

export const range = <T>(count: number, each: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => each(i));

const transpose = (offset: number) =>
  ["x", "y", "z", "w"]
    .map((e, i) => `stage[${offset}u + (c * 4u + ${i}u) * 16u + quad] = vec4f(r0.${e}, r1.${e}, r2.${e}, r3.${e});`)
    .join("\n        ");

/** Stages rows, four to a vector, at `offset`: element `[channel][quad]`; `load(e)` is vector `lane0 + c` of row `e` of a quad. */
export const stageTransposed = (offset: number, quads: number, load: (e: number) => string): string => `
      for (var i = lid; i < ${quads * LANES_AT_ONCE}u; i += ${THREADS}u) {
        let quad = i % ${quads}u;
        let c = i / ${quads}u;
        ${range(4, (e) => `let r${e} = ${load(e)};`).join("\n        ")}
        ${transpose(offset)}
      }`;

/** Stages scaled query rows, four neighbours to a vector. */
export const stageQueries = stageTransposed(
  0,
  QUADS,
  (e) => `load_query((head_rows + min(row0 + quad * 4u + ${e}u, last_row)) * LANES + lane0 + c) * to_log2`,
);

/** Stages keys `tx, tx + 16, tx + 32, tx + 48` as one vector. */
export const stageKeys = stageTransposed(
  KEYS_AT,
  KEYS / 4,
  (e) => `key_row(pseudo, (base + min(quad + ${16 * e}u, live - 1u)) * LANES + lane0 + c)`,
);

/** Masks keys past the end of the step, and adds the bias of pseudo-keys. */
export function addBias({ dense, rectify }: AttendShape): string {
  const tail = !dense && rectify === "tail";
  return range(4, (j) => {
    const index = `(tx + ${16 * j}u)`;
    const bias = tail
      ? `var b${j} = 0.0;
    if (pseudo) { b${j} = max(LOG2E * load_bias(bias_row + first_stratum + min(${index}, live - 1u)), ${LOWEST}); }
    b${j} = select(${LOWEST}, b${j}, ${index} < live);`
      : `let b${j} = select(${LOWEST}, 0.0, ${index} < live);`;
    return `${bias} s0_${j} += vec4f(b${j}); s1_${j} += vec4f(b${j});`;
  }).join("\n    ");
}

/** Online softmax: row maxima meet in workgroup memory, sums stay with the invocation. */
export const softmax = (outputs: number): string => `
    let at = ty * 2u;
    ${range(2, (a) => `var max${a} = max(max(s${a}_0, s${a}_1), max(s${a}_2, s${a}_3)); part[tx * ${PART_STRIDE}u + at + ${a}u] = max${a};`).join("\n    ")}
    workgroupBarrier();
    for (var t = 0u; t < trips(${COLUMNS}u); t++) {
      max0 = max(max0, part[t * ${PART_STRIDE}u + at]);
      max1 = max(max1, part[t * ${PART_STRIDE}u + at + 1u]);
    }
    ${range(2, (a) => `let next${a} = max(top${a}, max${a}); let shrink${a} = exp2(top${a} - next${a}); top${a} = next${a};`).join("\n    ")}
    ${range(8, (r) => range(outputs, (v) => `o${r}_${v} *= shrink${r >> 2}[${r & 3}];`).join(" ")).join(" ")}
    ${range(2, (a) => `${range(4, (j) => `s${a}_${j} = exp2(s${a}_${j} - top${a});`).join(" ")} sum${a} = sum${a} * shrink${a} + s${a}_0 + s${a}_1 + s${a}_2 + s${a}_3;`).join("\n    ")}`;

/** Which of four named vectors: registers cannot be indexed, and compilers unroll this away where it pays. */
const pick = (a: number) => `select(select(s${a}_0, s${a}_1, j == 1u), select(s${a}_2, s${a}_3, j == 3u), j > 1u)`;

/** Adds the weighted values, sixteen keys at a time. */
export const addValues = (headDim: number, outputs: number): string => `
    for (var j = 0u; j < trips(4u); j++) {
      workgroupBarrier();
      part[tx * ${PART_STRIDE}u + at] = ${pick(0)};
      part[tx * ${PART_STRIDE}u + at + 1u] = ${pick(1)};
      for (var i = lid; i < ${(VALUE_ROWS * headDim) / 4}u; i += ${THREADS}u) {
        let r = min(i / LANES + ${VALUE_ROWS}u * j, live - 1u);
        stage[i] = value_row(pseudo, (base + r) * LANES + i % LANES);
      }
      workgroupBarrier();
      for (var k = 0u; k < trips(${VALUE_ROWS}u); k++) {
        let w0 = part[k * ${PART_STRIDE}u + at];
        let w1 = part[k * ${PART_STRIDE}u + at + 1u];
        ${range(outputs, (v) => `let v${v} = stage[k * LANES + tx + ${16 * v}u];`).join(" ")}
        ${range(8, (r) => range(outputs, (v) => `o${r}_${v} = fma(vec4f(w${r >> 2}[${r & 3}]), v${v}, o${r}_${v});`).join(" ")).join("\n        ")}
      }
    }`;

/** Row sums over the sixteen invocations that share a row. */
export const reduceSums = (): string => `
  workgroupBarrier();
  part[tx * ${PART_STRIDE}u + ty * 2u] = sum0;
  part[tx * ${PART_STRIDE}u + ty * 2u + 1u] = sum1;
  workgroupBarrier();
  sum0 = vec4f(0);
  sum1 = vec4f(0);
  for (var t = 0u; t < trips(${COLUMNS}u); t++) {
    sum0 += part[t * ${PART_STRIDE}u + ty * 2u];
    sum1 += part[t * ${PART_STRIDE}u + ty * 2u + 1u];
  }`;
