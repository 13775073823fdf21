import type { Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import { causalConv, type Pass, pointConv } from "./causal.js";

/** The norm of the VAE, over the channels at each position; with SiLU behind where `silu`. */
export function channelNorm(g: Builder, x: Value, name: string, options: { silu: boolean; axes: number }): Value {
  const channels = x.shape[x.shape.length - 1];
  const gamma = g.weight(`${name}.gamma`, [channels, ...new Array<number>(options.axes).fill(1)]);
  const weight = g.reshape(gamma, [channels]);
  return g.norm(x, { kind: "l2", eps: 1e-12, weight, activation: options.silu ? "silu" : "none" });
}

export function residualBlock(pass: Pass, x: Value, name: string, channels: number): Value {
  const { g } = pass;
  const shortcut = x.shape[4] === channels ? x : pointConv(g, x, `${name}.conv_shortcut`, channels);
  const first = channelNorm(g, x, `${name}.norm1`, { silu: true, axes: 3 });
  const hidden = causalConv(pass, first, `${name}.conv1`, channels);
  const second = channelNorm(g, hidden, `${name}.norm2`, { silu: true, axes: 3 });
  return causalConv(pass, second, `${name}.conv2`, channels, shortcut);
}

/** Attention among the positions of each frame, with one head as wide as the channels. */
function attentionBlock(g: Builder, x: Value, name: string): Value {
  const [, frames, height, width, channels] = x.shape;
  // Frames are independent: they are the batch.
  const tokens = g.reshape(x, [frames, height * width, channels]);
  const normed = channelNorm(g, tokens, `${name}.norm`, { silu: false, axes: 2 });
  const weight = g.weight(`${name}.to_qkv.weight`, [3 * channels, channels, 1, 1]);
  const bias = g.weight(`${name}.to_qkv.bias`, [3 * channels]);
  const [query, key, value] = [0, 1, 2].map((part) => {
    const rows = g.view(weight, [channels, channels], part * channels * channels);
    return g.heads(g.linear(normed, { weight: rows, bias: g.view(bias, [channels], part * channels) }), { heads: 1 });
  });
  const read = g.merge(g.denseAttention(query, key, value)).y;
  const proj = g.reshape(g.weight(`${name}.proj.weight`, [channels, channels, 1, 1]), [channels, channels]);
  const out = g.linear(read, { weight: proj, bias: g.weight(`${name}.proj.bias`, [channels]) }, { residual: tokens });
  return g.reshape(out, x.shape);
}

export function middleBlock(pass: Pass, x: Value, name: string): Value {
  const channels = x.shape[4];
  const first = residualBlock(pass, x, `${name}.resnets.0`, channels);
  return residualBlock(pass, attentionBlock(pass.g, first, `${name}.attentions.0`), `${name}.resnets.1`, channels);
}
