import { byteSize, type DType } from "@spaattn/core";
import { assemble, type Kernel, type Param, type Slot, u32, write } from "../kernel.js";
import { numberStorage } from "./numbers.js";
import type { Storage } from "./storage.js";

export const MAP_THREADS = 256;

/** How the results of a map are stored. */
export interface MapTarget {
  readonly dtype: DType;
  /** Four numbers at a time: the tensor begins at a vector and has whole vectors. */
  readonly vec: boolean;
  readonly hasF16: boolean;
}

/**
 * True where an invocation makes a whole word of several numbers, since a number cannot be stored alone.
 *
 * Numbers of the word that are not of the tensor keep their bits; words belong to one invocation, so nobody else writes them.
 */
export const makesWords = ({ dtype, vec, hasF16 }: MapTarget): boolean =>
  byteSize(dtype) === 1 || (byteSize(dtype) === 2 && !vec && !(dtype === "f16" && hasF16));

const ENCODE: Partial<Record<DType, string>> = {
  f16: "fn encode(v: f32) -> u32 { return pack2x16float(vec2f(v, 0.0)) & 0xffffu; }",
  bf16: `fn encode(v: f32) -> u32 {
  let b = bitcast<u32>(v);
  if ((b & 0x7fffffffu) > 0x7f800000u) { return 0x7fc0u; }
  return (b + 0x7fffu + ((b >> 16u) & 1u)) >> 16u;
}`,
  u8: "fn encode(v: f32) -> u32 { return bitcast<u32>(to_i32(v)) & 255u; }",
  i8: "fn encode(v: f32) -> u32 { return bitcast<u32>(to_i32(v)) & 255u; }",
};

export interface MapSource {
  readonly name: string;
  readonly slots: readonly Slot[];
  readonly params?: readonly Param[];
  /** Declares `value(i)`: result `i` as `f32`, or vector `i` as `vec4f` (see `mapLanes`). */
  readonly module: string;
  /** True where `module` declares `inside(i)` as well: results that are not inside stay as they are. */
  readonly partly?: boolean;
}

/** Four results of `value` at a time, or one. Where words are made, always one. */
export const mapLanes = (target: MapTarget): 4 | 1 => (target.vec && !makesWords(target) ? 4 : 1);

/** A kernel that makes every element of `y` on its own, from whatever `value(i)` reads. */
export function mapKernel(target: MapTarget, source: MapSource): Kernel {
  const { name, slots, params = [], module, partly = false } = source;
  const words = makesWords(target);
  const storage: Storage = words ? "u32" : numberStorage(target.dtype, target.hasF16, target.vec);
  return assemble({
    name: `${name}${mapLanes(target) === 4 ? "" : ".single"}`,
    slots: [...slots, write("y", storage)],
    params: [...u32("count", "wide", "lead"), ...params],
    workgroup: [MAP_THREADS],
    module: `${words ? `${ENCODE[target.dtype]}\n` : ""}${module}`,
    body: `
  let i = wid.y * p.wide + wid.x * ${MAP_THREADS}u + lid;
  ${
    words
      ? makeWord(byteSize(target.dtype), "encode(value(e - p.lead))", partly ? "inside(e - p.lead)" : undefined)
      : `if (i < p.count${partly ? " && inside(i)" : ""}) { store_y(i, value(i)); }`
  }`,
  });
}

/**
 * Word `i` of `y` from the codes of its elements, `code` for element `e - p.lead`. The tensor's first element is `lead`
 * elements into the first word; `count` counts elements. Elements that are not `inside` stay.
 */
export function makeWord(bytes: number, code: string, inside?: string): string {
  const each = 4 / bytes;
  const ones = bytes === 1 ? "255u" : "0xffffu";
  return `
  if (i * ${each}u >= p.lead + p.count) { return; }
  var bits = 0u;
  var mask = 0u;
  for (var k = 0u; k < trips(${each}u); k++) {
    let e = i * ${each}u + k;
    if (e >= p.lead && e < p.lead + p.count${inside ? ` && ${inside}` : ""}) {
      bits |= (${code}) << (${8 * bytes}u * k);
      mask |= ${ones} << (${8 * bytes}u * k);
    }
  }
  if (mask == 0u) { return; }
  if (mask != 0xffffffffu) { bits |= y[p.base_y + i] & ~mask; }
  y[p.base_y + i] = bits;`;
}
