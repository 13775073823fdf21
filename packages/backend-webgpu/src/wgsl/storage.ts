import type { FloatDType } from "@spaattn/core";
import { NUMBERS, type NumberStorage } from "./numbers.js";

/**
 * How elements lie in a storage buffer. Indices of the load and store functions count:
 * vectors of four values for `f32x4`, `f16`, `f16-packed` and `bf16`, the bits of eight half floats for `f16x8`;
 * single values for the others (bytes of `u8`).
 */
export type Storage = PlainStorage | NumberStorage;

type PlainStorage =
  | "f32x4"
  | "f16"
  | "f16x8"
  | "f16-packed"
  | "bf16"
  | "f32"
  | "i32"
  | "u32"
  | "u8"
  | "vec2u"
  | "vec4u";

const ELEMENTS: Record<PlainStorage, string> = {
  f32x4: "vec4f",
  f16: "vec4<f16>",
  f16x8: "vec4u",
  "f16-packed": "vec2u",
  bf16: "vec2u",
  f32: "f32",
  i32: "i32",
  u32: "u32",
  u8: "u32",
  vec2u: "vec2u",
  vec4u: "vec4u",
};

const BYTES: Record<PlainStorage, number> = {
  f32x4: 16,
  f16: 8,
  f16x8: 16,
  "f16-packed": 8,
  bf16: 8,
  f32: 4,
  i32: 4,
  u32: 4,
  u8: 1,
  vec2u: 8,
  vec4u: 16,
};

const isNumber = (storage: Storage): storage is NumberStorage => storage in NUMBERS;

/** The WGSL element type of the buffer. */
export const elementOf = (storage: Storage): string =>
  isNumber(storage) ? NUMBERS[storage].element : ELEMENTS[storage];

/** Bytes per index of the load and store functions. */
export const storageBytes = (storage: Storage): number => (isNumber(storage) ? NUMBERS[storage].bytes : BYTES[storage]);

/** Storage of rows of a float tensor: with `shader-f16` natively, else half floats are unpacked from words. */
export const rowStorage = (dtype: FloatDType, hasF16: boolean): Storage =>
  dtype === "f32" ? "f32x4" : dtype === "bf16" ? "bf16" : hasF16 ? "f16" : "f16-packed";

export function loadFunction(name: string, storage: Storage): string {
  const at = `${name}[p.base_${name} + i]`;
  const fn = (type: string, body: string) => `fn load_${name}(i: u32) -> ${type} { ${body} }`;
  if (isNumber(storage)) {
    const body = `let at = p.base_${name} + i; ${NUMBERS[storage].load(name)}`;
    return fn(storage.endsWith("x1") ? "f32" : "vec4f", body);
  }
  switch (storage) {
    case "f16":
      return fn("vec4f", `return vec4f(${at});`);
    case "f16-packed":
      return fn("vec4f", `let w = ${at}; return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));`);
    case "bf16":
      return fn(
        "vec4f",
        `let w = ${at}; return bitcast<vec4f>(vec4u(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));`,
      );
    case "u8":
      return fn("u32", `let b = p.base_${name} + i; return (${name}[b / 4u] >> (8u * (b % 4u))) & 255u;`);
    default:
      return fn(elementOf(storage), `return ${at};`);
  }
}

export function storeFunction(name: string, storage: Storage): string {
  const at = `${name}[p.base_${name} + i]`;
  const fn = (type: string, body: string) => `fn store_${name}(i: u32, v: ${type}) { ${body} }`;
  if (isNumber(storage)) {
    const store = NUMBERS[storage].store?.(name);
    // Numbers that share a word are stored by kernels that own whole words.
    return store ? fn(storage.endsWith("x1") ? "f32" : "vec4f", `let at = p.base_${name} + i; ${store}`) : "";
  }
  switch (storage) {
    case "f16":
      return fn("vec4f", `${at} = vec4<f16>(v);`);
    case "f16-packed":
      return fn("vec4f", `${at} = vec2u(pack2x16float(v.xy), pack2x16float(v.zw));`);
    case "bf16":
      // Round to nearest even, as the host does; rounding would turn a NaN of many ones into a number.
      return fn(
        "vec4f",
        `let b = bitcast<vec4u>(v); let n = (b + vec4u(0x7fffu) + ((b >> vec4u(16u)) & vec4u(1u))) >> vec4u(16u); let r = select(n, vec4u(0x7fc0u), (b & vec4u(0x7fffffffu)) > vec4u(0x7f800000u)); ${at} = vec2u(r.x | (r.y << 16u), r.z | (r.w << 16u));`,
      );
    case "u8":
      // Four bytes a word: kernels that write bytes own whole words and store them directly.
      return "";
    default:
      return fn(elementOf(storage), `${at} = v;`);
  }
}
