import { RELAXED_KERNELS } from "../generated/kernels-relaxed.js";
import { SIMD_KERNELS } from "../generated/kernels-simd.js";

export type KernelKind = "relaxed" | "simd";

const modules = new Map<string, Promise<WebAssembly.Module>>();
const KERNELS = { relaxed: RELAXED_KERNELS, simd: SIMD_KERNELS };

/** The best kind this engine can run; undefined where it has no WASM SIMD. */
export function bestKernel(): KernelKind | undefined {
  return (["relaxed", "simd"] as const).find(canRun);
}

/** True when this engine can run the kind. */
export const canRun = (kind: KernelKind): boolean =>
  typeof WebAssembly !== "undefined" && WebAssembly.validate(bytesOf(KERNELS[kind], false));

/** The compiled kernels of attention, for a shared or a private memory; compiled once per process. */
export const compiled = (kind: KernelKind, shared: boolean): Promise<WebAssembly.Module> =>
  once(`attention-${kind}-${shared}`, async () => KERNELS[kind], shared);

/** The compiled kernels of networks; loaded when they are asked for the first time. */
export const compiledNetwork = (kind: KernelKind, shared: boolean): Promise<WebAssembly.Module> =>
  once(
    `network-${kind}-${shared}`,
    async () =>
      kind === "relaxed"
        ? (await import("../generated/network-relaxed.js")).RELAXED_NETWORK
        : (await import("../generated/network-simd.js")).SIMD_NETWORK,
    shared,
  );

function once(key: string, text: () => Promise<string>, shared: boolean): Promise<WebAssembly.Module> {
  const known = modules.get(key);
  if (known) return known;
  const module = text().then((base64) => WebAssembly.compile(bytesOf(base64, shared)));
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
  try {
    await compiled(kind, false);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function bytesOf(base64: string, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
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
