import { NUMBER_FUNCTIONS } from "./wgsl/numbers.js";
import { elementOf, loadFunction, type Storage, storeFunction } from "./wgsl/storage.js";

/** A storage buffer of a kernel. In WGSL: `load_NAME(i)`, `store_NAME(i, value)`, or the array `NAME` itself. */
export interface Slot {
  readonly name: string;
  readonly storage: Storage;
  readonly access: "read" | "read_write";
}

export type ParamType = "u32" | "f32";
export interface Param {
  readonly name: string;
  readonly type: ParamType;
  /** Set for a table; in WGSL `NAME(i)` reads it. */
  readonly length?: number;
}

/** One compute shader, complete. */
export interface Kernel {
  readonly name: string;
  readonly code: string;
  readonly slots: readonly Slot[];
  readonly params: readonly Param[];
}

export interface KernelSource {
  readonly name: string;
  readonly slots: readonly Slot[];
  readonly params: readonly Param[];
  /** Declarations before `main`. */
  readonly module?: string;
  /** Directives before everything else, such as `enable subgroups;` (`f16` is enabled where a slot needs it). */
  readonly directives?: readonly string[];
  /** Further parameters of `main`, such as `@builtin(subgroup_id) sg: u32`. */
  readonly builtins?: readonly string[];
  readonly workgroup: readonly [number, number?];
  /** Body of `main(wid, lid)`, with the uniform parameters in `p`. */
  readonly body: string;
}

export const u32 = (...names: string[]): Param[] => names.map((name) => ({ name, type: "u32" }));
export const f32 = (...names: string[]): Param[] => names.map((name) => ({ name, type: "f32" }));
export const read = (name: string, storage: Storage): Slot => ({ name, storage, access: "read" });
export const write = (name: string, storage: Storage): Slot => ({ name, storage, access: "read_write" });

/** Bound of a loop that compilers may unroll. */
const TRIPS = "fn trips(n: u32) -> u32 { return n + p.zero; }\n";

/**
 * The kernel for a real GPU: constant loop bounds, which compilers unroll and prove indices from.
 *
 * As generated, bounds go through a function that adds a parameter that is 0: software rasterisers take a minute to
 * compile what they unroll.
 */
export const withConstantBounds = (code: string): string =>
  code.replace(TRIPS, "").replaceAll(/\btrips\(([^()]*)\)/g, "($1)");

/**
 * Assembles a shader: parameters, bindings and their load and store functions around a body.
 *
 * Every binding is a window of a tensor, so that no binding exceeds the device's limit; where its first element lies
 * in the window is the parameter `base_NAME`, which the load and store functions add. `head0` is the first head of the window.
 */
export function assemble(source: KernelSource): Kernel {
  const { name, slots, workgroup, module = "", body, builtins = [] } = source;
  const half = slots.some((slot) => slot.storage === "f16" || slot.storage === "f16x1");
  const directives = new Set([...(half ? ["enable f16;"] : []), ...(source.directives ?? [])]);
  const params = [...u32("head0", "zero"), ...u32(...slots.map((slot) => `base_${slot.name}`)), ...source.params];
  const scalars = params.filter((param) => param.length === undefined);
  const tables = params.filter((param) => param.length !== undefined);
  const loads = slots.map((slot) => loadFunction(slot.name, slot.storage)).join("\n");
  const stores = slots
    .filter((slot) => slot.access === "read_write")
    .map((slot) => storeFunction(slot.name, slot.storage))
    .join("\n");
  const called = NUMBER_FUNCTIONS.filter((each) => `${loads}${stores}${module}${body}`.includes(`${each.name}(`));
  const code = `${[...directives].join("\n")}
struct Params {
${scalars.map((param) => `  ${param.name}: ${param.type},`).join("\n")}
${tables.map((table) => `  ${table.name}: array<vec4<${table.type}>, ${Math.ceil(table.length! / 4)}>,`).join("\n")}
}
@group(0) @binding(0) var<uniform> p: Params;
${TRIPS}${slots.map((slot, i) => `@group(0) @binding(${i + 1}) var<storage, ${slot.access}> ${slot.name}: array<${elementOf(slot.storage)}>;`).join("\n")}
${called.map((each) => each.code).join("\n")}
${loads}
${stores}
${tables.map((table) => `fn ${table.name}(i: u32) -> ${table.type} { return p.${table.name}[i / 4u][i % 4u]; }`).join("\n")}
${module}
@compute @workgroup_size(${workgroup[0]}, ${workgroup[1] ?? 1})
fn main(${["@builtin(workgroup_id) wid: vec3u", "@builtin(local_invocation_index) lid: u32", ...builtins].join(", ")}) {
${body}
}
`;
  return { name, code, slots, params: [...scalars, ...tables] };
}

/** Bytes of a kernel's parameters in the uniform buffer. */
export function paramBytes(kernel: Kernel): number {
  const scalars = kernel.params.filter((param) => param.length === undefined).length;
  const tables = kernel.params.reduce((sum, { length }) => sum + (length ? Math.ceil(length / 4) * 16 : 0), 0);
  return Math.ceil(scalars / 4) * 16 + tables;
}

/** Writes parameter values at `offset` of `view`, laid out as WGSL does. */
export function writeParams(
  kernel: Kernel,
  values: Readonly<Record<string, number | readonly number[]>>,
  view: DataView,
  offset: number,
): void {
  let at = offset;
  const put = (type: ParamType, value: number, where: number) =>
    type === "u32" ? view.setUint32(where, value, true) : view.setFloat32(where, value, true);
  let inTables = false;
  for (const { name, type, length } of kernel.params) {
    const value = values[name];
    if (value === undefined) throw new TypeError(`kernel ${kernel.name}: parameter ${name} is missing`);
    if (length === undefined) {
      put(type, value as number, at);
      at += 4;
      continue;
    }
    if (!inTables) at = offset + Math.ceil((at - offset) / 16) * 16;
    inTables = true;
    (value as readonly number[]).forEach((entry, i) => {
      put(type, entry, at + 4 * i);
    });
    at += Math.ceil(length / 4) * 16;
  }
}
