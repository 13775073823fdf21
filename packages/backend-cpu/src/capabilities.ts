import type { Capabilities } from "@spaattn/attention";

export const CAPABILITIES: Capabilities = {
  dtypes: ["f32", "f16", "bf16"],
  accumulate: "f32",
  headDims: { multipleOf: 16, max: 256 },
  blockSizes: [64, 128],
  strata: ["local", "eigen", "contiguous"],
  rectify: ["none", "paper", "tail", "levels"],
  encode: false,
};
