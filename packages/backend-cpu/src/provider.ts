import type { Backend } from "@spaattn/attention";
import {
  type BackendProvider,
  checkFields,
  checkFlag,
  type Device,
  describeValue,
  type ProbeResult,
  SpaAttnError,
} from "@spaattn/core";
import { CpuBackend } from "./backend.js";
import { Runtime } from "./runtime.js";
import { bestKernel, canRun, compileObstacle, type KernelKind } from "./wasm/module.js";

export interface CpuOptions {
  /** Worker threads; 1 works on the calling thread in short slices. Default: one per core, at most 16. */
  readonly threads?: number;
  /** Default `auto`: relaxed SIMD where the engine has it, else SIMD128. */
  readonly kernel?: "auto" | KernelKind;
  /** Bytes of the kernels' memory (working memory, and weights of networks), at most 4e9; default 1.5e9. */
  readonly memoryLimit?: number;
  /** False: threads get private memories and copies. Default: shared where the engine allows it. */
  readonly sharedMemory?: boolean;
}

const DEFAULT_LIMIT = 1.5e9;
const MOST_THREADS = 16;
const KERNELS = ["auto", "simd", "relaxed"];

const NO_WASM =
  "Allow 'wasm-unsafe-eval' in script-src of the page's content security policy, or use the WebGPU backend.";

const cores = (): number =>
  globalThis.process?.getBuiltinModule?.("node:os").availableParallelism() ??
  globalThis.navigator?.hardwareConcurrency ??
  1;

// A page may construct a shared memory and still not be allowed to hand it to a worker.
const mayShare = (): boolean =>
  typeof SharedArrayBuffer !== "undefined" &&
  (globalThis.process?.versions?.node !== undefined || globalThis.crossOriginIsolated === true);

const NO_SIMD = {
  reason: "this engine has no WebAssembly SIMD",
  remedy: "Use Node 20 or newer, or a browser from 2023 on (Chrome 91, Firefox 89, Safari 16.4); or another backend.",
};

/** The CPU backend: WASM SIMD on worker threads, in Node and in browsers: attention, and whole networks. */
export const cpu: BackendProvider<CpuOptions, Backend & Device> = {
  name: "cpu",

  async probe(): Promise<ProbeResult> {
    const kernel = bestKernel();
    if (!kernel) return { available: false, ...NO_SIMD };
    const obstacle = await compileObstacle(kernel);
    if (obstacle)
      return { available: false, reason: `WebAssembly cannot be compiled: ${obstacle.message}`, remedy: NO_WASM };
    const threads = Math.min(cores(), MOST_THREADS);
    return {
      available: true,
      device: `${{ relaxed: "WASM relaxed SIMD", simd: "WASM SIMD" }[kernel]}, ${threads} threads`,
      details: { kernel, threads: String(threads), sharedMemory: String(mayShare()) },
    };
  },

  async create(options: CpuOptions = {}): Promise<CpuBackend> {
    checkFields("options", options, ["threads", "kernel", "memoryLimit", "sharedMemory"]);
    checkFlag("options.sharedMemory", options.sharedMemory);
    const { threads = Math.min(cores(), MOST_THREADS), kernel = "auto", memoryLimit = DEFAULT_LIMIT } = options;
    if (!Number.isInteger(threads) || threads < 1 || threads > 256)
      throw new RangeError(`options.threads must be an integer from 1 to 256, got ${describeValue(threads)}`);
    if (typeof memoryLimit !== "number" || !(memoryLimit > 0 && memoryLimit <= 4e9))
      throw new RangeError(`options.memoryLimit must be between 0 and 4e9 bytes, got ${describeValue(memoryLimit)}`);
    if (!KERNELS.includes(kernel))
      throw new RangeError(`options.kernel must be ${KERNELS.join(" or ")}, got ${describeValue(kernel)}`);
    const best = bestKernel();
    if (!best)
      throw new SpaAttnError("BackendUnavailable", `The cpu backend cannot run: ${NO_SIMD.reason}.`, {
        remedy: NO_SIMD.remedy,
      });
    if (kernel !== "auto" && !canRun(kernel))
      throw new SpaAttnError("BackendUnavailable", `This engine cannot run the ${kernel} kernels.`, {
        remedy:
          kernel === "relaxed"
            ? 'Use Node 22 or newer, call enableRelaxedSimd() first in Node 20, or leave kernel at "auto".'
            : 'Leave kernel at "auto".',
      });
    const sharedMemory = (options.sharedMemory ?? true) && mayShare();
    const kind = kernel === "auto" ? best : kernel;
    const obstacle = await compileObstacle(kind);
    if (obstacle)
      throw new SpaAttnError("BackendUnavailable", `The ${kind} kernels cannot be compiled: ${obstacle.message}`, {
        remedy: NO_WASM,
        cause: obstacle,
      });
    return new CpuBackend(new Runtime({ kernel: kind, threads, memoryLimit, sharedMemory }));
  },
};
