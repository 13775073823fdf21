import type { DType } from "@spaattn/core";

/**
 * How numbers of a tensor lie in a buffer when a kernel takes them one by one, or four by four (`x4`), converted to f32.
 * Indices of the load and store functions count numbers, or vectors of four. Types smaller than a word lie in words of `u32`.
 */
export type NumberStorage =
  | "f16x1"
  | "f16-packed-x1"
  | "bf16x1"
  | "i32x1"
  | "i32x4"
  | "u8x1"
  | "u8x4"
  | "i8x1"
  | "i8x4"
  | "f8e4m3x1"
  | "f8e4m3x4"
  | "f8e5m2x1"
  | "f8e5m2x4";

interface NumberFacts {
  /** WGSL element of the buffer. */
  readonly element: string;
  /** Bytes per index. */
  readonly bytes: number;
  /** Body of the load function, where \`at\` is the index in numbers or vectors. */
  readonly load: (name: string) => string;
  /** Body of the store function; undefined where single numbers share a word. */
  readonly store?: (name: string) => string;
}

const half = (name: string) => `unpack2x16float(${name}[at / 2u])[at % 2u]`;
const byte = (name: string) => `((${name}[at / 4u] >> (8u * (at % 4u))) & 255u)`;
const bytes = (name: string) => `((vec4u(${name}[at]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u))`;
const signed = (name: string) => `(bitcast<vec4i>(vec4u(${name}[at]) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u))`;

export const NUMBERS: Readonly<Record<NumberStorage, NumberFacts>> = {
  f16x1: {
    element: "f16",
    bytes: 2,
    load: (name) => `return f32(${name}[at]);`,
    store: (name) => `${name}[at] = f16(v);`,
  },
  "f16-packed-x1": { element: "u32", bytes: 2, load: (name) => `return ${half(name)};` },
  bf16x1: {
    element: "u32",
    bytes: 2,
    load: (name) => `return bitcast<f32>(((${name}[at / 2u] >> (16u * (at % 2u))) & 0xffffu) << 16u);`,
  },
  i32x1: {
    element: "i32",
    bytes: 4,
    load: (name) => `return f32(${name}[at]);`,
    store: (name) => `${name}[at] = to_i32(v);`,
  },
  i32x4: {
    element: "vec4i",
    bytes: 16,
    load: (name) => `return vec4f(${name}[at]);`,
    store: (name) => `${name}[at] = vec4i(to_i32(v.x), to_i32(v.y), to_i32(v.z), to_i32(v.w));`,
  },
  u8x1: { element: "u32", bytes: 1, load: (name) => `return f32(${byte(name)});` },
  u8x4: { element: "u32", bytes: 4, load: (name) => `return vec4f(${bytes(name)});` },
  i8x1: {
    element: "u32",
    bytes: 1,
    load: (name) => `return f32(bitcast<i32>(${byte(name)} << 24u) >> 24u);`,
  },
  i8x4: { element: "u32", bytes: 4, load: (name) => `return vec4f(${signed(name)});` },
  f8e4m3x1: { element: "u32", bytes: 1, load: (name) => `return e4m3(${byte(name)});` },
  f8e4m3x4: {
    element: "u32",
    bytes: 4,
    load: (name) => `let c = ${bytes(name)}; return vec4f(e4m3(c.x), e4m3(c.y), e4m3(c.z), e4m3(c.w));`,
  },
  f8e5m2x1: { element: "u32", bytes: 1, load: (name) => `return unpack2x16float(${byte(name)} << 8u).x;` },
  f8e5m2x4: {
    element: "u32",
    bytes: 4,
    load: (name) =>
      `let w = ${name}[at]; return vec4f(unpack2x16float((w & 0x00ff00ffu) << 8u), unpack2x16float(w & 0xff00ff00u)).xzyw;`,
  },
};

/** What load and store functions of these storages call. */
export const NUMBER_FUNCTIONS: readonly { readonly name: string; readonly code: string }[] = [
  {
    // No infinities; subnormals by a product, since devices flush subnormal f32.
    name: "e4m3",
    code: `fn e4m3(c: u32) -> f32 {
  let m = c & 127u;
  let normal = bitcast<f32>((m << 20u) + 0x3c000000u);
  let value = select(normal, f32(m) * 0.001953125, m < 8u);
  let bits = select(bitcast<u32>(value), 0x7fc00000u, m == 127u);
  return bitcast<f32>(bits | ((c & 128u) << 24u));
}`,
  },
  {
    // Truncates, and wraps as typed arrays do; what is no number becomes 0.
    name: "to_i32",
    code: `fn to_i32(v: f32) -> i32 {
  if (!(abs(v) < 4294967296.0)) { return 0; }
  return select(i32(v), bitcast<i32>(u32(abs(v))) * select(1, -1, v < 0.0), abs(v) >= 2147483648.0);
}`,
  },
];

/** Storage of numbers taken four by four (`vec`), or one by one. */
export function numberStorage(dtype: DType, hasF16: boolean, vec: boolean) {
  switch (dtype) {
    case "f32":
      return vec ? "f32x4" : "f32";
    case "f16":
      return hasF16 ? (vec ? "f16" : "f16x1") : vec ? "f16-packed" : "f16-packed-x1";
    case "bf16":
      return vec ? "bf16" : "bf16x1";
    case "i32":
    case "u8":
    case "i8":
    case "f8e4m3":
    case "f8e5m2":
      return `${dtype}${vec ? "x4" : "x1"}` as const;
    default:
      throw new TypeError(`kernels do not take ${dtype}`);
  }
}
