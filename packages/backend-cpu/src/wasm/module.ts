import { RELAXED_KERNELS } from "../generated/kernels-relaxed.js";
import { SIMD_KERNELS } from "../generated/kernels-simd.js";

export type KernelKind = "relaxed" | "simd" | "plain";

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** The best kind this engine can run: relaxed SIMD, SIMD128, or plain TypeScript. */
export function bestKernel(): KernelKind {
  if (typeof WebAssembly === "undefined") return "plain";
  if (WebAssembly.validate(bytesOf("relaxed", false))) return "relaxed";
  return WebAssembly.validate(bytesOf("simd", false)) ? "simd" : "plain";
}

/** True when this engine can run the kind. */
export const canRun = (kind: KernelKind): boolean =>
  kind === "plain" || (typeof WebAssembly !== "undefined" && WebAssembly.validate(bytesOf(kind, false)));

/** The compiled kernels, for a shared or a private memory; compiled once per process. */
export function compiled(kind: "relaxed" | "simd", shared: boolean): Promise<WebAssembly.Module> {
  const key = `${kind}-${shared}`;
  const known = modules.get(key);
  if (known) return known;
  const module = WebAssembly.compile(bytesOf(kind, shared));
  modules.set(key, module);
  // A failure is not remembered: it may be of memory, and pass.
  module.catch(() => modules.delete(key));
  return module;
}

/**
 * Why the engine refuses to compile what it could run, such as a page's content security policy without
 * `'wasm-unsafe-eval'`; undefined when it compiles. `WebAssembly.validate` says nothing of that.
 */
export async function compileObstacle(kind: KernelKind): Promise<Error | undefined> {
  if (kind === "plain") return undefined;
  try {
    await compiled(kind, false);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function bytesOf(kind: "relaxed" | "simd", shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(kind === "relaxed" ? RELAXED_KERNELS : SIMD_KERNELS), (c) => c.charCodeAt(0));
  if (!shared) bytes[memoryFlags(bytes)] = 1;
  return bytes;
}

/**
 * Where the flags of the imported memory's limits are: 3 says shared with a maximum, 1 says private with a maximum.
 * The kernels use no atomic instructions, so this byte is all that tells the two builds apart.
 */
function memoryFlags(bytes: Uint8Array): number {
  const name = [3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2];
  for (let at = 8; at < bytes.length; at++)
    if (name.every((byte, i) => bytes[at + i] === byte)) return at + name.length;
  throw new Error("the kernels import no memory");
}
