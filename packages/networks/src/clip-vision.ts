import type { Value } from "@spaattn/core";
import type { Activation, Builder } from "@spaattn/nn";
import { type Config, ConfigReader } from "./config.js";
import type { Probe } from "./probe.js";

/** The vision model of CLIP. */
export interface ClipVisionConfig {
  readonly layers: number;
  readonly dim: number;
  readonly heads: number;
  readonly ffnDim: number;
  readonly imageSize: number;
  readonly patch: number;
  readonly activation: Activation;
  readonly eps: number;
}

/** @throws SpaAttnError MalformedFile or Unsupported, naming the key */
export function clipVisionConfig(config: Config, what = "the image encoder's config.json"): ClipVisionConfig {
  const nested = config.vision_config;
  const read = new ConfigReader(typeof nested === "object" && nested !== null ? (nested as Config) : config, what);
  read.expect("num_channels", 3, [3]);
  read.expect("hidden_act", "quick_gelu", ["gelu", "quick_gelu"]);
  return {
    layers: read.size("num_hidden_layers", 12),
    dim: read.size("hidden_size", 768),
    heads: read.size("num_attention_heads", 12),
    ffnDim: read.size("intermediate_size", 3072),
    imageSize: read.size("image_size", 224),
    patch: read.size("patch_size", 32),
    activation: read.config.hidden_act === "gelu" ? "gelu-erf" : "quick-gelu",
    eps: read.number("layer_norm_eps", 1e-5),
  };
}

export interface ClipVisionOptions {
  /** Layers to run; default: all but the last, whose output Wan does not use. */
  readonly layers?: number;
  readonly probe?: Probe;
}

/**
 * CLIP's vision model: pixels f32 `[batch, 3, size, size]`, normalised, to the features of a layer
 * `[batch, 1 + patches, dim]` without a final norm.
 *
 * docs/networks.md, section 6. Segments: `embed`, `block N`.
 */
export function clipVision(
  g: Builder,
  config: ClipVisionConfig,
  pixels: Value,
  options: ClipVisionOptions = {},
): Value {
  const { layers = config.layers - 1, probe } = options;
  let x = g.segment("embed", () => embed(g, config, pixels));
  probe?.("hidden_0", x);
  for (let layer = 0; layer < layers; layer++) {
    x = g.segment(`block ${layer}`, () => block(g, config, x, `vision_model.encoder.layers.${layer}`));
    probe?.(`hidden_${layer + 1}`, x);
  }
  return x;
}

function embed(g: Builder, config: ClipVisionConfig, pixels: Value): Value {
  const { dim, imageSize, patch, eps } = config;
  const name = "vision_model.embeddings";
  const side = Math.floor(imageSize / patch);
  const [batch] = pixels.shape;
  const split = g.reshape(pixels, [batch, 3, side, patch, side, patch]);
  const vectors = g.reshape(g.transpose(split, [0, 2, 4, 1, 3, 5]), [batch, side * side, 3 * patch * patch]);
  const weight = g.weight(`${name}.patch_embedding.weight`, [dim, 3, patch, patch]);
  const patches = g.linear(g.convert(vectors, g.dtype), { weight: g.reshape(weight, [dim, 3 * patch * patch]) });
  const first = g.reshape(g.weight(`${name}.class_embedding`, [dim]), [1, 1, dim]);
  const tokens = g.concat([g.convert(g.repeat(first, [batch, 1, 1]), g.dtype), patches], 1);
  const positions = g.weight(`${name}.position_embedding.weight`, [side * side + 1, dim]);
  return layerNorm(g, g.binary("add", tokens, positions, g.dtype), "vision_model.pre_layrnorm", dim, eps);
}

function block(g: Builder, config: ClipVisionConfig, x: Value, name: string): Value {
  const { dim, heads, ffnDim, eps, activation } = config;
  const linear = (value: Value, part: string, n: number, k: number, options: Parameters<Builder["linear"]>[2] = {}) =>
    g.linear(value, g.linearWeights(`${name}.${part}`, n, k), options);
  const a = layerNorm(g, x, `${name}.layer_norm1`, dim, eps);
  const [query, key, value] = ["q", "k", "v"].map((part) =>
    g.heads(linear(a, `self_attn.${part}_proj`, dim, dim), { heads }),
  );
  const read = g.merge(g.denseAttention(query, key, value)).y;
  const middle = linear(read, "self_attn.out_proj", dim, dim, { residual: x });
  const hidden = linear(layerNorm(g, middle, `${name}.layer_norm2`, dim, eps), "mlp.fc1", ffnDim, dim, { activation });
  return linear(hidden, "mlp.fc2", dim, ffnDim, { residual: middle });
}

function layerNorm(g: Builder, x: Value, name: string, dim: number, eps: number): Value {
  const [weight, bias] = ["weight", "bias"].map((role) => g.weight(`${name}.${role}`, [dim]));
  return g.norm(x, { kind: "layer", eps, weight, bias });
}
