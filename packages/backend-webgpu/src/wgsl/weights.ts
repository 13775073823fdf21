import { BLOCK_FORMATS, type BlockFormat } from "@spaattn/nn";
import type { Storage } from "./storage.js";

/** How the rows of a weight lie in memory: numbers, in vectors of four or one by one, or blocks of GGUF. */
export type WeightForm =
  | { readonly storage: Storage; readonly vec: boolean; readonly format?: undefined }
  | { readonly storage: "u8"; readonly format: BlockFormat };

/**
 * Declares `NAME_quad(row, q)`: numbers 4 q to 4 q + 3 of a row, zero past the end of the row. The one way a weight of any
 * type comes into a tile. The kernel has the parameter `k`.
 */
export function weightFunctions(name: string, form: WeightForm): string {
  if (form.format) return blockFunctions(name, form.format);
  if (form.vec) return `fn ${name}_quad(row: u32, q: u32) -> vec4f { return load_${name}(row * (p.k / 4u) + q); }`;
  return singleQuad(name, "row * p.k");
}

/** The same where rows begin anywhere: four loads, each inside the row or zero. */
export const singleQuad = (name: string, start: string): string => `
fn ${name}_quad(row: u32, q: u32) -> vec4f {
  let at = ${start} + 4u * q;
  let left = p.k - min(p.k, 4u * q);
  var v = vec4f(0);
  if (left > 0u) { v.x = load_${name}(at); }
  if (left > 1u) { v.y = load_${name}(at + 1u); }
  if (left > 2u) { v.z = load_${name}(at + 2u); }
  if (left > 3u) { v.w = load_${name}(at + 3u); }
  return v;
}`;

/** Reads of bytes anywhere: a word may begin in the middle of one. */
const byteFunctions = (name: string): string => `
fn ${name}_word(byte: u32) -> u32 {
  let at = p.base_${name} + byte;
  let s = 8u * (at % 4u);
  return (${name}[at / 4u] >> s) | ((${name}[at / 4u + 1u] << (31u - s)) << 1u);
}
fn ${name}_bytes(byte: u32) -> vec4u { return (vec4u(${name}_word(byte)) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u); }
fn ${name}_half(byte: u32) -> f32 { return unpack2x16float(${name}_word(byte)).x; }`;

/** Bits `shift` to `shift + 3` of a byte, as one number each. */
const FOUR_BITS = "vec4u(shift, shift + 1u, shift + 2u, shift + 3u)";

function blockFunctions(name: string, format: BlockFormat): string {
  const { values, bytes } = BLOCK_FORMATS[format];
  return `${byteFunctions(name)}
fn ${name}_quad(row: u32, q: u32) -> vec4f {
  if (4u * q >= p.k) { return vec4f(0); }
  let block = (row * (p.k / ${values}u) + 4u * q / ${values}u) * ${bytes}u;
  let i = (4u * q) % ${values}u;
  ${BLOCKS[format](name)}
}`;
}

/** Blocks of 32: the low nibbles are the first sixteen numbers, the high ones the others. */
const nibbles =
  (header: number, hasMinimum: boolean, fifthBits: boolean) =>
  (name: string): string =>
    `
  let d = ${name}_half(block);
  var n = (${name}_bytes(block + ${header}u + (i & 15u)) >> vec4u(select(0u, 4u, i >= 16u))) & vec4u(15u);
  ${
    fifthBits
      ? `let shift = i & 7u;
  n |= ((vec4u(${name}_word(block + ${hasMinimum ? 4 : 2}u + (i >> 3u))) >> ${FOUR_BITS}) & vec4u(1u)) << vec4u(4u);`
      : ""
  }
  return ${hasMinimum ? `vec4f(n) * d + ${name}_half(block + 2u)` : `(vec4f(n) - ${fifthBits ? 16 : 8}.0) * d`};`;

/** Blocks of 256 in eight groups of 32, each with a scale and a minimum of 6 bits. */
const groups = (fifthBits: boolean) => (name: string) =>
  `
  let group = i / 32u;
  let l = i % 32u;
  let j = group & 3u;
  let low = ${name}_word(block + 4u + j) & 255u;
  let middle = ${name}_word(block + 8u + j) & 255u;
  let high = ${name}_word(block + 12u + j) & 255u;
  let scale = select((high & 15u) | ((low >> 6u) << 4u), low & 63u, group < 4u);
  let least = select((high >> 4u) | ((middle >> 6u) << 4u), middle & 63u, group < 4u);
  var n = (${name}_bytes(block + ${fifthBits ? 48 : 16}u + (group >> 1u) * 32u + l) >> vec4u(4u * (group & 1u))) & vec4u(15u);
  ${fifthBits ? `n |= ((${name}_bytes(block + 16u + l) >> vec4u(group)) & vec4u(1u)) << vec4u(4u);` : ""}
  return ${name}_half(block) * f32(scale) * vec4f(n) - ${name}_half(block + 2u) * f32(least);`;

const BLOCKS: Readonly<Record<BlockFormat, (name: string) => string>> = {
  q8_0: (name) => `
  let n = bitcast<vec4i>(${name}_bytes(block + 2u + i) << vec4u(24u)) >> vec4u(24u);
  return vec4f(n) * ${name}_half(block);`,
  q4_0: nibbles(2, false, false),
  q4_1: nibbles(4, true, false),
  q5_0: nibbles(6, false, true),
  q5_1: nibbles(8, true, true),
  q4_k: groups(false),
  q5_k: groups(true),
  // 6 bits, with sixteen 8-bit scales.
  q6_k: (name) => `
  let part = i / 128u;
  let quarter = (i % 128u) / 32u;
  let l = i % 32u;
  let low = (${name}_bytes(block + part * 64u + (quarter & 1u) * 32u + l) >> vec4u(select(0u, 4u, quarter >= 2u))) & vec4u(15u);
  let high = (${name}_bytes(block + 128u + part * 32u + l) >> vec4u(2u * quarter)) & vec4u(3u);
  let scale = bitcast<i32>(${name}_word(block + 192u + i / 16u) << 24u) >> 24u;
  return ${name}_half(block + 208u) * f32(scale) * (vec4f(low | (high << vec4u(4u))) - 32.0);`,
};
