import { describeValue, HostTensor, type Tensor } from "@spaattn/core";
import type { Backend, Program, RunOptions } from "./backend.js";
import { compilePlan } from "./compile-plan.js";
import type { Plan } from "./plan.js";
import { lowerPolicy } from "./selection.js";
import type { ResolvedSpec } from "./spec.js";

/** The slow way out: ranks on the device, reads the scores back, lets a function choose, uploads its mask. */
export interface HostMask {
  /** `[b, h, n, n]` u8 on the backend. */
  mask(inputs: Readonly<Record<string, Tensor>>, options: RunOptions): Promise<Tensor>;
  dispose(): void;
}

/** A `HostMask` when the policy has a host function, else undefined. */
export async function forcedByHost(
  backend: Backend,
  spec: ResolvedSpec,
  prepare: (plan: Plan) => Promise<Program>,
): Promise<HostMask | undefined> {
  if (spec.dense) return undefined;
  const { geometry, behaviour, rectify, layout } = spec;
  const { host, forced } = lowerPolicy(spec.policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) });
  if (!host) return undefined;
  const name = rectify === "tail" ? "blockError" : "probabilities";
  const extras = [name, "mask"] as const;
  const plan = compilePlan({ ...spec, extras }, { accumulate: backend.capabilities.accumulate, estimateOnly: true });
  const program = await prepare(plan);
  const { batch, heads, visualBlocks: n } = geometry;

  return {
    async mask(inputs, options) {
      const outputs: Record<string, Tensor> = {};
      try {
        for (const [key, { dtype, shape, role }] of Object.entries(plan.tensors))
          if (role === "output") outputs[key] = backend.allocate(dtype, shape);
        await program.run({ ...inputs, ...outputs }, options);
        const scores = (await outputs[name].read()).toFloat32();
        const columns = plan.tensors[name].shape[3];
        const mask = new HostTensor("u8", [batch, heads, n, n]);
        for (let row = 0; row < batch * heads * n; row++) {
          const block = row % n;
          if (forced) mask.data.set(forced.subarray(block * n, block * n + n), row * n);
          const head = Math.floor(row / n) % heads;
          const item = Math.floor(row / (n * heads));
          const own = scores.subarray(row * columns, row * columns + n);
          for (const key of chosen(host({ batch: item, head, block, scores: own }))) {
            if (!Number.isInteger(key) || key < 0 || key >= n)
              throw new RangeError(`hostPolicy returned block ${describeValue(key)}, but there are ${n} visual blocks`);
            mask.data[row * n + key] = 1;
          }
        }
        return backend.upload(mask);
      } finally {
        for (const tensor of Object.values(outputs)) tensor.dispose();
      }
    },
    dispose: () => program.dispose(),
  };
}

/** What a host function returned, which nothing but this checks. */
function chosen(blocks: unknown): Iterable<number> {
  if (typeof (blocks as Iterable<number> | undefined)?.[Symbol.iterator] === "function") return blocks as never;
  throw new TypeError(`hostPolicy must return the blocks to compute, such as [0, 3], got ${describeValue(blocks)}`);
}
