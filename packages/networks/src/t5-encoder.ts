import { HostTensor, type Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import { type Probe, rowsUnless } from "./probe.js";
import type { T5Config } from "./t5-config.js";

export interface T5Inputs {
  /** Token ids, i32 `[batch, tokens]`. */
  readonly ids: Value;
  /** u8 `[batch, tokens]`, 1 for tokens that are seen; absent: all (CogVideoX, Flux). */
  readonly mask?: Value;
}

/**
 * The encoder of T5 v1.1 and UMT5: token ids to features `[batch, tokens, dim]`.
 *
 * docs/networks.md, section 5. Segments: `embed`, `block N`.
 */
export function t5Encoder(
  g: Builder,
  config: T5Config,
  inputs: T5Inputs,
  options: { readonly probe?: Probe } = {},
): Value {
  const { dim, vocabulary, layers, eps, biasPerLayer } = config;
  const tokens = inputs.ids.shape[1];
  const name = g.options.weightSpec?.("shared.weight") || !g.options.weightSpec ? "shared" : "encoder.embed_tokens";
  const buckets = g.constant(new HostTensor("i32", [tokens, tokens], relativeBuckets(tokens, config)));
  let bias: Value | undefined;
  let x = g.segment("embed", () => g.embed(inputs.ids, g.weight(`${name}.weight`, [vocabulary, dim])));
  for (let layer = 0; layer < layers; layer++)
    x = g.segment(`block ${layer}`, () => {
      if (biasPerLayer || !bias) bias = positionBias(g, config, buckets, layer);
      options.probe?.(`relative_bias.${layer}`, bias);
      return block(g, config, x, bias, inputs.mask, layer, options.probe);
    });
  return g.norm(x, { kind: "rms", eps, weight: g.weight("encoder.final_layer_norm.weight", [dim]) });
}

/** What is added to the logits, f32 `[1, heads, tokens, tokens]`. */
function positionBias(g: Builder, { heads, buckets: count }: T5Config, buckets: Value, layer: number): Value {
  const [tokens] = buckets.shape;
  const name = `encoder.block.${layer}.layer.0.SelfAttention.relative_attention_bias.weight`;
  const rows = g.transpose(g.embed(buckets, g.weight(name, [count, heads])), [2, 0, 1]);
  return g.reshape(g.convert(rows, "f32"), [1, heads, tokens, tokens]);
}

function block(
  g: Builder,
  config: T5Config,
  x: Value,
  bias: Value,
  mask: Value | undefined,
  layer: number,
  probe: Probe | undefined,
): Value {
  const { dim, heads, headDim, ffnDim, eps } = config;
  const name = `encoder.block.${layer}.layer`;
  const plain = (part: string, n: number, k: number) => g.linearWeights(`${name}.${part}`, n, k, { bias: false });
  const inner = heads * headDim;
  const norm = (value: Value, part: number) =>
    g.norm(value, { kind: "rms", eps, weight: g.weight(`${name}.${part}.layer_norm.weight`, [dim]) });

  const a = norm(x, 0);
  const [query, key, value] = ["q", "k", "v"].map((part) =>
    g.heads(g.linear(a, plain(`0.SelfAttention.${part}`, inner, dim)), { heads }),
  );
  // No scale: T5's weights were made for it.
  const read = g.merge(g.denseAttention(query, key, value, { scale: 1, bias, ...(mask && { keyMask: mask }) })).y;
  const middle = g.linear(read, plain("0.SelfAttention.o", dim, inner), { residual: x });

  const ffn = "1.DenseReluDense";
  const [gate, up, down] = [
    plain(`${ffn}.wi_0`, ffnDim, dim),
    plain(`${ffn}.wi_1`, ffnDim, dim),
    plain(`${ffn}.wo`, dim, ffnDim),
  ];
  const out = rowsUnless(probe, g, middle, () => {
    const hidden = g.linear(norm(middle, 1), gate, { activation: "gelu-tanh", times: up });
    return g.linear(hidden, down, { residual: middle });
  });
  probe?.(`block${layer}.attn`, middle);
  probe?.(`block${layer}.out`, out);
  return out;
}

/** For every query and key the bucket of their distance: exact when near, logarithmic when far, `[tokens, tokens]`. */
export function relativeBuckets(
  tokens: number,
  { buckets, maxDistance }: Pick<T5Config, "buckets" | "maxDistance">,
): Int32Array {
  const out = new Int32Array(tokens * tokens);
  for (let query = 0; query < tokens; query++)
    for (let key = 0; key < tokens; key++)
      out[query * tokens + key] = relativeBucket(key - query, buckets, maxDistance);
  return out;
}

/** The bucket of `key - query`. */
export function relativeBucket(distance: number, buckets = 32, maxDistance = 128): number {
  const half = buckets / 2;
  const side = distance > 0 ? half : 0;
  const far = Math.abs(distance);
  const exact = half / 2;
  if (far < exact) return side + far;
  // In single precision, as the reference: some distances lie on a boundary.
  const f32 = Math.fround;
  const log = f32(f32(Math.log(f32(far / exact))) / f32(Math.log(maxDistance / exact)));
  return side + Math.min(half - 1, exact + Math.trunc(f32(log * (half - exact))));
}
