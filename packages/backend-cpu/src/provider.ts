import type { BackendProvider, ProbeResult } from "@spaattn/attention";
import { checkFields, checkFlag, describeValue, SpaAttnError } from "@spaattn/core";
import { CpuBackend } from "./backend.js";
import { Runtime } from "./runtime.js";
import { bestKernel, canRun, compileObstacle, type KernelKind } from "./wasm/module.js";

export interface CpuOptions {
  /** Worker threads; 1 works on the calling thread in short slices. Default: one per core, at most 16. */
  readonly threads?: number;
  /**
   * Default `auto`: relaxed SIMD where the engine has it, else SIMD128, else plain TypeScript (always one thread), also
   * where a content security policy forbids WebAssembly; `probe` says which.
   */
  readonly kernel?: "auto" | KernelKind;
  /** Bytes of working memory besides the tensors themselves, at most 4e9; default 1.5e9. */
  readonly memoryLimit?: number;
  /** False: threads get private memories and copies. Default: shared where the engine allows it. */
  readonly sharedMemory?: boolean;
}

const DEFAULT_LIMIT = 1.5e9;
const MOST_THREADS = 16;
const KERNELS = ["auto", "simd", "relaxed", "plain"];

const NO_WASM =
  "Allow 'wasm-unsafe-eval' in script-src of the page's content security policy; without it the slow plain TypeScript is used.";

const cores = (): number =>
  globalThis.process?.getBuiltinModule?.("node:os").availableParallelism() ??
  globalThis.navigator?.hardwareConcurrency ??
  1;

// A page may construct a shared memory and still not be allowed to hand it to a worker.
const mayShare = (): boolean =>
  typeof SharedArrayBuffer !== "undefined" &&
  (globalThis.process?.versions?.node !== undefined || globalThis.crossOriginIsolated === true);

/** The CPU backend: WASM SIMD on worker threads, in Node and in browsers. Always available. */
export const cpu: BackendProvider<CpuOptions> = {
  name: "cpu",

  async probe(): Promise<ProbeResult> {
    const best = bestKernel();
    const obstacle = await compileObstacle(best);
    const kernel = obstacle ? "plain" : best;
    const threads = kernel === "plain" ? 1 : Math.min(cores(), MOST_THREADS);
    return {
      available: true,
      device: `${{ relaxed: "WASM relaxed SIMD", simd: "WASM SIMD", plain: "plain TypeScript" }[kernel]}, ${threads} threads`,
      details: {
        kernel,
        threads: String(threads),
        sharedMemory: String(mayShare()),
        ...(obstacle ? { note: NO_WASM } : {}),
      },
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
    if (kernel !== "auto" && !canRun(kernel))
      throw new SpaAttnError("BackendUnavailable", `This engine cannot run the ${kernel} kernels.`, {
        remedy:
          kernel === "relaxed"
            ? 'Use Node 22 or newer, start Node 20 with --experimental-wasm-relaxed-simd, or leave kernel at "auto".'
            : 'Leave kernel at "auto".',
      });
    const sharedMemory = (options.sharedMemory ?? true) && mayShare();
    let kind = kernel === "auto" ? bestKernel() : kernel;
    const obstacle = await compileObstacle(kind);
    if (obstacle && kernel !== "auto")
      throw new SpaAttnError("BackendUnavailable", `The ${kernel} kernels cannot be compiled: ${obstacle.message}`, {
        remedy: NO_WASM,
        cause: obstacle,
      });
    if (obstacle) kind = "plain";
    return new CpuBackend(new Runtime({ kernel: kind, threads, memoryLimit, sharedMemory }));
  },
};
