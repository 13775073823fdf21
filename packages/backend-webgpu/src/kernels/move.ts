import { assemble, type Kernel, type Param, read, u32, write } from "../kernel.js";
import { MAP_THREADS, makeWord } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

/** Bytes that are moved as they are: whole words, or parts of one that the type makes necessary. */
export type Unit = 16 | 8 | 4 | 2 | 1;

const STORAGE: Readonly<Record<Unit, Storage>> = { 16: "vec4u", 8: "vec2u", 4: "u32", 2: "f16-packed-x1", 1: "u8" };
const ZERO: Readonly<Record<Unit, string>> = { 16: "vec4u(0)", 8: "vec2u(0)", 4: "0u", 2: "0u", 1: "0u" };

/** Unit `j` of `x`, whatever it is. */
const BITS: Readonly<Record<Unit, string>> = {
  16: "load_x(j)",
  8: "load_x(j)",
  4: "load_x(j)",
  2: "(x[(p.base_x + j) / 2u] >> (16u * ((p.base_x + j) % 2u))) & 0xffffu",
  1: "load_x(j)",
};

export interface MoveSource {
  readonly name: string;
  readonly params: readonly Param[];
  /** Declares `source(i)`: the unit of `x` that becomes unit `i` of `y`. */
  readonly module: string;
  /** WGSL: whether unit `i` of `y` comes from `x`; else it becomes zero, or is left as it is. */
  readonly inside?: string;
  readonly outside?: "zero" | "keep";
}

/**
 * Moves units from one tensor to another, as bits. A word of several units is made by one invocation; units of it that are
 * not of the tensor, or not from `x` with `outside: "keep"`, stay.
 */
export function moveKernel(unit: Unit, { name, params, module, inside, outside }: MoveSource): Kernel {
  const bits = `bits(source(i))`;
  const chosen = inside && outside === "zero" ? `select(${ZERO[unit]}, ${bits}, ${inside})` : bits;
  const only = inside && outside === "keep" ? inside : "";
  return assemble({
    name: `${name}.${unit}`,
    slots: [read("x", STORAGE[unit]), write("y", unit < 4 ? "u32" : STORAGE[unit])],
    params: [...u32("count", "wide", "lead"), ...params],
    workgroup: [MAP_THREADS],
    module: `fn bits(j: u32) -> ${unit === 16 ? "vec4u" : unit === 8 ? "vec2u" : "u32"} { return ${BITS[unit]}; }
${module}
${unit < 4 ? `fn code(i: u32) -> u32 { return ${chosen}; }` : ""}
${only ? `fn is_inside(i: u32) -> bool { return ${only}; }` : ""}`,
    body: `
  let i = wid.y * p.wide + wid.x * ${MAP_THREADS}u + lid;
  ${
    unit < 4
      ? makeWord(unit, "code(e - p.lead)", only ? "is_inside(e - p.lead)" : undefined)
      : `if (i >= p.count${only ? " || !is_inside(i)" : ""}) { return; }
  store_y(i, ${chosen});`
  }`,
  });
}
