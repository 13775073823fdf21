import { assemble } from "../kernel.js";
import { LOWEST } from "../wgsl/reduce.js";
import {
  type AttendKernel,
  type AttendShape,
  attendFunctions,
  attendParams,
  attendPrologue,
  attendSlots,
  attendStep,
  keyFunctions,
  QUERY_TILE,
} from "./attend-common.js";
import {
  addBias,
  addValues,
  CHANNELS,
  COLUMNS,
  KEYS,
  KEYS_AT,
  PART_STRIDE,
  QUADS,
  range,
  reduceSums,
  STAGE,
  softmax,
  stageKeys,
  stageQueries,
  THREADS,
} from "./tile-parts.js";

/**
 * The main kernel: 64 query rows by 64 keys per workgroup, 8 rows by 4 keys (and 8 rows by headDim / 16 outputs) in the
 * registers of each of 128 invocations. Head sizes are multiples of 64.
 *
 * A key step has two halves. Scores: queries and keys are staged transposed, so that an invocation reads four rows, or its
 * four keys, at once. Values: probabilities pass through workgroup memory sixteen keys at a time. Sums stay with the
 * invocation and meet at the end. Less than 13 KiB of workgroup memory let several workgroups share a multiprocessor,
 * which was measured to be worth more than keeping the queries there. Pseudo-keys of tail rectification are further steps of the same loop, with a bias.
 */
export function attendTileKernel(shape: AttendShape): AttendKernel {
  const { geometry, dense, rectify } = shape;
  const { headDim: d } = geometry;
  const outputs = d / 64;
  const paper = !dense && rectify === "paper";
  const kernel = assemble({
    name: "attend.tile",
    slots: attendSlots(shape),
    params: attendParams(geometry),
    workgroup: [THREADS],
    module: `${attendFunctions(shape)}
${keyFunctions(shape)}
var<workgroup> stage: array<vec4f, ${STAGE}>;
var<workgroup> part: array<vec4f, ${COLUMNS * PART_STRIDE}>;`,
    body: `${attendPrologue(shape, KEYS)}
  let tx = lid % ${COLUMNS}u;
  let ty = lid / ${COLUMNS}u;
  let to_log2 = p.scale * LOG2E;
  let last_row = valid_end - 1u;
  ${range(8, (r) => range(outputs, (v) => `var o${r}_${v} = vec4f(0);`).join(" ")).join(" ")}
  var top0 = vec4f(${LOWEST}); var top1 = top0;
  var sum0 = vec4f(0); var sum1 = vec4f(0);
  for (var step = 0u; step < exact_steps + pseudo_steps; step++) {${attendStep(shape, KEYS)}
    ${range(2, (a) => range(4, (j) => `var s${a}_${j} = vec4f(0);`).join(" ")).join(" ")}
    for (var lane0 = 0u; lane0 < trips(LANES); lane0 += ${CHANNELS / 4}u) {
      workgroupBarrier();
      ${stageQueries}
      ${stageKeys}
      workgroupBarrier();
      for (var c = 0u; c < trips(${CHANNELS}u); c++) {
        let q0 = stage[c * ${QUADS}u + ty * 2u];
        let q1 = stage[c * ${QUADS}u + ty * 2u + 1u];
        let k = stage[${KEYS_AT}u + c * ${COLUMNS}u + tx];
        ${range(4, (j) => range(2, (a) => `s${a}_${j} = fma(q${a}, vec4f(k[${j}]), s${a}_${j});`).join(" ")).join("\n        ")}
      }
    }
    ${addBias(shape)}
    ${softmax(outputs)}
    ${addValues(d, outputs)}
  }
  ${reduceSums()}
  let inverse0 = select(vec4f(0), 1.0 / sum0, sum0 > vec4f(0));
  let inverse1 = select(vec4f(0), 1.0 / sum1, sum1 > vec4f(0));
  ${paper ? "let row_scale = row_factor(head, block);" : "const row_scale = 1.0;"}
  ${range(8, (r) => storeRow(shape, r, outputs)).join("\n  ")}`,
  });
  return { kernel, tile: QUERY_TILE };
}

/** Normalises and writes one row; rows of invalid text slots become zero. */
function storeRow({ dense, rectify, lse, output }: AttendShape, r: number, outputs: number): string {
  const paper = !dense && rectify === "paper";
  const component = `${r >> 2}[${r & 3}]`;
  const plus = (v: number) => (paper ? ` + row_compensation(head, block, tx + ${16 * v}u)` : "");
  return `{
    let row = row0 + ty * 8u + ${r}u;
    let scale = select(0.0, inverse${component} * row_scale, row < valid_end);
    if (row < row_end) {
      let out = (head_rows + row) * LANES + tx;
      ${range(output ? outputs : 0, (v) => `store_output(out + ${16 * v}u, o${r}_${v} * scale${plus(v)});`).join("\n      ")}
      ${lse ? `if (tx == 0u) { store_lse(head_rows + row, select(p.minus_infinity, (top${component} + log2(sum${component})) * LN2, row < valid_end && sum${component} > 0.0)); }` : ""}
    }
  }`;
}
