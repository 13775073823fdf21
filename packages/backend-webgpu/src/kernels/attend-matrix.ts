import { assemble } from "../kernel.js";
import { MATRIX_DIRECTIVES, matrixTypes } from "../matrix.js";
import { LOWEST } from "../wgsl/reduce.js";
import {
  type AttendKernel,
  type AttendShape,
  attendFunctions,
  attendParams,
  attendPrologue,
  attendSlots,
} from "./attend-common.js";
import { loadQueries, staging, stepFunctions } from "./matrix-load.js";
import { addValues, maskStep, scores, softmax, throughMemory } from "./matrix-parts.js";
import type { MatrixTiling } from "./matrix-tiling.js";
import { range } from "./tile-parts.js";

/**
 * The kernel for half floats where subgroups multiply matrices (`chromium-experimental-subgroup-matrix`): products in f16 with
 * f32 sums; scores, softmax and accumulators in f32; weights rounded to f16 before they meet the values.
 *
 * A subgroup owns some query rows and keeps their queries and accumulators in matrices. WGSL cannot reach the elements of a
 * matrix, so scores pass through workgroup memory, where two or more invocations share a row. Per step of the keys there
 * are two barriers and a uniform load: while a step's weights are made, its values and the next step's keys arrive. The
 * reference of a row's exponentials is only raised, and the accumulators rescaled, when the maximum outgrows it by 2^10.
 */
export function attendMatrixKernel(shape: AttendShape, tiling: MatrixTiling): AttendKernel {
  const { headDim } = shape.geometry;
  const { unit, rows, subgroupRows, threads, keys, perRow, keysEach, scoreStride, scoresAt } = tiling;
  const accumulators = range(subgroupRows / unit.m, (t) => range(headDim / unit.n, (i) => `o${t}_${i}`)).flat();
  const key = staging("key", tiling, headDim);
  const value = staging("value", tiling, headDim);
  const mask = maskStep(shape, tiling);
  const vectors = keysEach / 4;
  const scaleRow = `{ ${range(vectors, (c) => `pool[scores_at + ${c}u] = bitcast<vec4u>(bitcast<vec4f>(pool[scores_at + ${c}u]) * shrink);`).join(" ")} }`;
  const kernel = assemble({
    name: "attend.matrix",
    directives: MATRIX_DIRECTIVES,
    builtins: ["@builtin(subgroup_id) sg: u32", "@builtin(subgroup_invocation_id) lane: u32"],
    slots: attendSlots(shape).map((slot) =>
      ["query", "key", "value"].includes(slot.name) ? { ...slot, storage: "f16x8" as const } : slot,
    ),
    params: attendParams(shape.geometry),
    workgroup: [threads],
    module: `${attendFunctions(shape, rows)}
const EIGHTS = ${headDim / 8}u;
const KEYS = ${keys}u;
const ROWS = ${subgroupRows}u;
${matrixTypes(unit)}
${stepFunctions(shape, tiling)}
var<workgroup> pool: array<vec4u, ${tiling.pool}>;
var<workgroup> masks: array<vec4f, ${keys / 4}>;
var<workgroup> rescale: atomic<u32>;`,
    body: `${attendPrologue(shape, keys, rows)}
  let to_log2 = p.scale * LOG2E;
  let last_row = valid_end - 1u;
  let steps = exact_steps + pseudo_steps;
  let r = lane / ${perRow}u;
  let part = lane % ${perRow}u;
  let scores_at = ${scoresAt}u + (sg * ROWS + r) * ${scoreStride}u + part * ${vectors}u;
  var top = ${LOWEST};
  var sum = 0.0;
  ${accumulators.map((name) => `var ${name} = Result();`).join(" ")}
  ${loadQueries(tiling, headDim)}
  var now = next_step(0u, head, block, text, exact_steps, steps, head_strata);
  let first_step = now.at;
  if (now.live > 0u) {
    ${key.fetch("now")}
    ${key.put}
  }
  workgroupBarrier();
  while (now.live > 0u) {
    ${mask.fetch}
    ${scores(tiling, headDim)}
    ${mask.put}
    let after = next_step(now.at + 1u, head, block, text, exact_steps, steps, head_strata);
    if (lid == 0u) { atomicStore(&rescale, 0u); }
    workgroupBarrier();
    ${value.fetch("now")}
    // After the last step its keys are fetched once more, and nobody reads them.
    var fetched = after;
    if (after.live == 0u) { fetched = now; }
    ${key.fetch("fetched")}
    ${softmax(tiling)}
    ${value.put}
    ${key.put}
    if (workgroupUniformLoad(&rescale) != 0u) {
      ${throughMemory(tiling, headDim, () => scaleRow, true)}
    }
    ${addValues(tiling, headDim)}
    now = after;
  }
  ${range(Math.log2(perRow), (i) => `sum += subgroupShuffleXor(sum, ${1 << i}u);`).join(" ")}
  ${storeRows(shape, tiling)}`,
  });
  return { kernel, tile: rows };
}

/** Normalises and writes the rows; rows of invalid text slots become zero. */
function storeRows(shape: AttendShape, tiling: MatrixTiling): string {
  const { dense, rectify, lse, output, geometry } = shape;
  const { keys, keysEach } = tiling;
  const paper = !dense && rectify === "paper";
  const write = (chunk: number) => `if (row < row_end) {
        ${range(keysEach / 4, (c) => {
          const plus = paper ? ` + row_compensation(head, block, lane0 + ${(chunk * keys) / 4 + c}u)` : "";
          return `store_output(out + ${(chunk * keys) / 4 + c}u, bitcast<vec4f>(pool[scores_at + ${c}u]) * scale${plus});`;
        }).join("\n        ")}
      }`;
  return `
  let row = row0 + sg * ROWS + r;
  let valid = row < valid_end && sum > 0.0;
  let lane0 = part * ${keysEach / 4}u;
  ${
    output
      ? `let scale = select(0.0, 1.0 / sum, valid)${paper ? " * row_factor(head, block)" : ""};
  let out = (head_rows + row) * LANES + lane0;
  ${throughMemory(tiling, geometry.headDim, write, false)}`
      : ""
  }
  ${lse ? "if (row < row_end && part == 0u) { store_lse(head_rows + row, select(p.minus_infinity, (top + log2(sum)) * LN2, valid)); }" : ""}`;
}
