import { type AttendShape, isTail } from "./attend-common.js";
import type { MatrixTiling } from "./matrix-tiling.js";
import { range } from "./tile-parts.js";

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
