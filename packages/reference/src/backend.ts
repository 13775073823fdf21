import {
  type Backend,
  hostElementwise,
  interpret,
  type PermuteInputs,
  type PermuteOutputs,
  type PermuteStep,
  type RunContext,
} from "@spaattn/attention";
import { HostTensor, isHostTensor, SpaAttnError } from "@spaattn/core";
import { attend } from "./attend.js";
import { estimate } from "./estimate.js";
import { headsOf, slice } from "./heads.js";
import { levels } from "./levels/primitives.js";
import { pool } from "./pool.js";
import { summarize } from "./summarize.js";

/** tokens[:, :, i] = source[:, :, order[i]] */
function permute(_: PermuteStep, io: PermuteInputs, out: PermuteOutputs, { geometry }: RunContext): void {
  const { headDim: d } = geometry;
  const order = (io.order as HostTensor<"i32">).data;
  for (const head of headsOf(geometry)) {
    const source = slice(io.source, head);
    const tokens = slice(out.tokens, head);
    order.forEach((from, to) => void tokens.set(source.subarray(from * d, (from + 1) * d), to * d));
  }
}

/** The attention primitives on host tensors, on the calling thread. */
export const attentionBackend: Backend = {
  name: "reference",
  capabilities: {
    dtypes: ["f32", "f16", "bf16"],
    accumulate: "f64",
    headDims: { multipleOf: 1, max: Number.MAX_SAFE_INTEGER },
    blockSizes: [64, 128],
    strata: ["local", "eigen", "contiguous"],
    rectify: ["none", "paper", "tail", "levels"],
    encode: false,
  },
  elementwise: hostElementwise,
  levels,
  permute,
  pool,
  summarize,
  estimate,
  attend,
  allocate(dtype, shape) {
    try {
      return new HostTensor(dtype, shape);
    } catch (cause) {
      if (!(cause instanceof RangeError) || !/alloc|length/i.test(cause.message)) throw cause;
      throw new SpaAttnError("OutOfMemory", `No memory for a ${dtype} tensor of shape [${shape.join(", ")}].`, {
        remedy: "Use fewer tokens or heads; this backend is meant for small inputs.",
        cause,
      });
    }
  },
  upload: (tensor) => new HostTensor(tensor.dtype, tensor.shape, tensor.data.slice() as never),
  owns: isHostTensor,
  prepare: async (plan) => interpret(attentionBackend, plan),
  dispose: () => undefined,
};
