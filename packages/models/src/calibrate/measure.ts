import { type AttentionSpec, type Backend, createAttention, type Policy, type RunOptions } from "@spaattn/attention";
import { type FloatDType, SpaAttnError } from "@spaattn/core";
import { videoLayout } from "@spaattn/layout";
import type { ModelAdapter } from "../adapter.js";
import type { PlacedCapture } from "./capture.js";

/** Squared sums per head over the visual rows: `[heads]`. */
export interface HeadErrors {
  /** Squared L2 distance to dense attention. */
  readonly distance: Float64Array;
  /** Squared L2 norm of dense attention. */
  readonly norm: Float64Array;
}

/** One capture on a backend; measures any policy against dense attention. */
export class MeasuredCapture {
  readonly #spec: AttentionSpec;
  #dense: Float32Array | undefined;

  constructor(
    adapter: ModelAdapter,
    readonly capture: PlacedCapture,
    readonly backend: Backend,
    readonly options: RunOptions,
  ) {
    const { blockSize, rectify, tail, behaviour } = adapter.settings;
    const { grid, textTokens, textValid, tokenOrder, axisOrder } = capture;
    const [batch, heads, tokens, headDim] = capture.query.shape;
    this.#spec = {
      batch,
      heads,
      headDim,
      visualTokens: tokens - textTokens,
      textTokens,
      textValid,
      blockSize,
      dtype: capture.query.dtype as FloatDType,
      outputDtype: "f32",
      rectify,
      ...(tail ? { tail } : {}),
      behaviour,
      tokenOrder,
      layout: videoLayout({ grid, blockSize, textTokens, ...(axisOrder ? { axisOrder } : {}) }),
    };
  }

  /** Runs a policy on all heads at once. */
  async errors(policy: Policy): Promise<HeadErrors> {
    this.#dense ??= await this.#run({ ...this.#spec, dense: true });
    return this.#compare(await this.#run({ ...this.#spec, policy }), this.#dense);
  }

  async #run(spec: AttentionSpec): Promise<Float32Array> {
    const { query, key, value } = this.capture;
    const attention = await createAttention(this.backend, spec);
    try {
      const { output } = await attention.run({ query, key, value }, this.options);
      const host = await output.read();
      output.dispose();
      return host.toFloat32();
    } finally {
      attention.dispose();
    }
  }

  #compare(output: Float32Array, dense: Float32Array): HeadErrors {
    const [batch, heads, tokens, d] = this.capture.query.shape;
    const visual = tokens - this.capture.textTokens;
    const distance = new Float64Array(heads);
    const norm = new Float64Array(heads);
    for (let b = 0; b < batch; b++)
      for (let h = 0; h < heads; h++) {
        const start = (b * heads + h) * tokens * d;
        for (let i = start; i < start + visual * d; i++) {
          distance[h] += (output[i] - dense[i]) ** 2;
          norm[h] += dense[i] ** 2;
        }
      }
    if (![...distance, ...norm].every(Number.isFinite))
      throw new SpaAttnError("MalformedFile", `Capture "${this.capture.name}" holds values that are not finite.`, {
        remedy: "Capture it again; check the model's dtype for overflow.",
      });
    return { distance, norm };
  }
}
