import type { BackendProvider, ProbeResult } from "@spaattn/core";
import { CpuBackend } from "./backend.js";
import { Runtime } from "./runtime.js";

export interface CpuOptions {
  /** Bytes of working memory besides the tensors themselves; default 1.5e9. */
  readonly memoryLimit?: number;
}

const DEFAULT_LIMIT = 1.5e9;

/** The CPU backend: always available. */
export const cpu: BackendProvider<CpuOptions> = {
  name: "cpu",
  async probe(): Promise<ProbeResult> {
    return { available: true, device: "plain TypeScript" };
  },
  async create(options: CpuOptions = {}): Promise<CpuBackend> {
    return new CpuBackend(new Runtime(options.memoryLimit ?? DEFAULT_LIMIT));
  },
};
