import type { Capabilities } from "@spaattn/attention";

/** What the attention kernels can do. */
export const CAPABILITIES: Capabilities = {
  dtypes: ["bf16", "f16"],
  accumulate: "f32",
  headDims: [64, 128],
  blockSizes: [128],
  strata: ["local", "eigen", "contiguous"],
  encode: true,
  // The selection keeps two rows of block scores per warp in shared memory.
  maxTokens: 786_432,
};
