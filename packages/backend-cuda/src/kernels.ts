import { readFileSync } from "node:fs";
import type { CudaDriver, Handle } from "./driver/driver.js";

/** The compiled kernels: one fatbin per folder of `kernels/`, made by `build-kernels.mjs`. */
export const MODULES = [
  "attend-sm90",
  "attend-sm80",
  "pool",
  "summarize",
  "products",
  "select",
  "permute",
  "elementwise",
  "pointwise",
  "embed",
  "reduce",
  "reshape",
  "norm",
  "heads",
  "weights",
  "dense-attention",
  "gemm-sm80",
  "gemm-simple",
  "gemm-sm90",
] as const;
export type ModuleName = (typeof MODULES)[number];

const image = (name: ModuleName) => readFileSync(new URL(`../fatbins/${name}.fatbin`, import.meta.url));

/** Loads modules and finds kernels at their first use. */
export class Kernels {
  readonly #modules = new Map<ModuleName, Handle>();
  readonly #kernels = new Map<string, Handle>();
  readonly #shared = new Map<string, number>();

  constructor(readonly driver: CudaDriver) {}

  /** A kernel that may use `sharedBytes` of dynamic shared memory. */
  get(module: ModuleName, name: string, sharedBytes: number): Handle {
    let kernel = this.#kernels.get(name);
    if (kernel === undefined) {
      let loaded = this.#modules.get(module);
      if (loaded === undefined) {
        loaded = this.driver.loadModule(image(module));
        this.#modules.set(module, loaded);
      }
      kernel = this.driver.getFunction(loaded, name);
      this.#kernels.set(name, kernel);
    }
    // More than 48 KB has to be asked for.
    if (sharedBytes > (this.#shared.get(name) ?? 48 * 1024)) {
      this.driver.setSharedBytes(kernel, sharedBytes);
      this.#shared.set(name, sharedBytes);
    }
    return kernel;
  }

  dispose(): void {
    for (const module of this.#modules.values()) this.driver.unloadModule(module);
    this.#modules.clear();
    this.#kernels.clear();
  }
}
