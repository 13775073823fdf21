import type { Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import type { Probe } from "./probe.js";
import type { WanConfig } from "./wan-config.js";

// What stands before and behind the blocks of Wan's transformer.

type Grid = readonly [number, number, number];

/** Latents to tokens: one linear layer over every patch, channels slowest. */
export function patches(g: Builder, config: WanConfig, latents: Value, [t, h, w]: Grid): Value {
  const { patch, inChannels, dim } = config;
  const [pt, ph, pw] = patch;
  const size = inChannels * pt * ph * pw;
  const [batch] = latents.shape;
  const split = g.reshape(latents, [batch, inChannels, t, pt, h, ph, w, pw]);
  const vectors = g.reshape(g.transpose(split, [0, 2, 4, 6, 1, 3, 5, 7]), [batch, t * h * w, size]);
  const weight = g.weight("patch_embedding.weight", [dim, inChannels, pt, ph, pw]);
  return g.linear(g.convert(vectors, g.dtype), {
    weight: g.reshape(weight, [dim, size]),
    bias: g.weight("patch_embedding.bias", [dim]),
  });
}

/** Tokens of patches to latents, channels fastest. */
export function unpatched(g: Builder, { patch, outChannels }: WanConfig, x: Value, [t, h, w]: Grid): Value {
  const [pt, ph, pw] = patch;
  const [batch] = x.shape;
  const split = g.reshape(x, [batch, t, h, w, pt, ph, pw, outChannels]);
  return g.reshape(g.transpose(split, [0, 7, 1, 4, 2, 5, 3, 6]), [batch, outChannels, t * pt, h * ph, w * pw]);
}

/** The embedded time step, f32: for the blocks `time` `[batch, rows, 6, dim]`, for the head `last` `[batch, rows, 1, dim]`. */
export function embedTime(g: Builder, { dim, freqDim }: WanConfig, timestep: Value, probe: Probe | undefined) {
  const name = "condition_embedder";
  const waves = g.timestep(timestep, freqDim);
  const hidden = g.linear(waves, g.linearWeights(`${name}.time_embedder.linear_1`, dim, freqDim), {
    activation: "silu",
  });
  const last = g.linear(hidden, g.linearWeights(`${name}.time_embedder.linear_2`, dim, dim));
  const time = g.linear(g.unary("silu", last), g.linearWeights(`${name}.time_proj`, 6 * dim, dim));
  probe?.("timestep_sinusoid", waves);
  probe?.("temb", last);
  probe?.("timestep_proj", time);
  const [batch, rows] = timestep.shape;
  return { time: g.reshape(time, [batch, rows, 6, dim]), last: g.reshape(last, [batch, rows, 1, dim]) };
}

export function embedText(g: Builder, { dim, textDim }: WanConfig, text: Value, probe: Probe | undefined): Value {
  const name = "condition_embedder.text_embedder";
  const hidden = g.linear(g.convert(text, g.dtype), g.linearWeights(`${name}.linear_1`, dim, textDim), {
    activation: "gelu-tanh",
  });
  const out = g.linear(hidden, g.linearWeights(`${name}.linear_2`, dim, dim));
  probe?.("text_projected", out);
  return out;
}

/** @throws RangeError where the model takes no image, or another number of rows */
export function embedImage(g: Builder, config: WanConfig, image: Value, probe: Probe | undefined): Value {
  const { dim, imageDim, imagePositions } = config;
  if (imageDim === undefined) throw new RangeError("this transformer takes no image features (image_dim is not set)");
  const name = "condition_embedder.image_embedder";
  const norm = (x: Value, part: string, width: number) => {
    const [weight, bias] = ["weight", "bias"].map((role) => g.weight(`${name}.${part}.${role}`, [width]));
    return g.norm(x, { kind: "layer", eps: 1e-5, weight, bias });
  };
  let x = g.convert(image, g.dtype);
  if (imagePositions !== undefined) {
    if (image.shape[1] !== imagePositions)
      throw new RangeError(`image features must have ${imagePositions} rows (two images), got ${image.shape[1]}`);
    x = g.binary("add", x, g.weight(`${name}.pos_embed`, [1, imagePositions, imageDim]), g.dtype);
  }
  const first = g.linearWeights(`${name}.ff.net.0.proj`, imageDim, imageDim);
  const hidden = g.linear(norm(x, "norm1", imageDim), first, { activation: "gelu-erf" });
  const out = norm(g.linear(hidden, g.linearWeights(`${name}.ff.net.2`, dim, imageDim)), "norm2", dim);
  probe?.("image_projected", out);
  return out;
}

/**
 * The parts of a modulation, `[batch, rows, dim]` each, f32: a learned table `[1, parts, dim]` plus the embedded time.
 *
 * @param time `[batch, rows, parts, dim]`, or `[batch, rows, 1, dim]` for all parts alike
 */
export function modulation(g: Builder, table: string, time: Value, parts: number): Value[] {
  const [batch, rows, , dim] = time.shape;
  const own = g.reshape(g.weight(table, [1, parts, dim]), [1, 1, parts, dim]);
  // Parts in front, so that each lies together.
  const sum = g.transpose(g.binary("add", own, time, "f32"), [2, 0, 1, 3]);
  return Array.from({ length: parts }, (_, i) => g.view(sum, [batch, rows, dim], i * batch * rows * dim));
}

/** Normalised with the last modulation and projected to patches. */
export function head(
  g: Builder,
  config: WanConfig,
  x: Value,
  last: Value,
  index: Value | undefined,
  probe: Probe | undefined,
): Value {
  const { dim, eps, outChannels, patch } = config;
  const [shift, scale] = modulation(g, "scale_shift_table", last, 2);
  const normed = g.norm(x, { kind: "layer", eps, shift, scale, ...(index && { index }) });
  const width = outChannels * patch[0] * patch[1] * patch[2];
  const out = g.linear(normed, g.linearWeights("proj_out", width, dim), { dtype: "f32" });
  probe?.("proj_out_in", normed);
  probe?.("proj_out", out);
  return out;
}
