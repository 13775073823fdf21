import type { Value } from "@spaattn/core";
import { channelNorm, middleBlock, residualBlock } from "./blocks.js";
import { causalConv, type Pass, pointConv } from "./causal.js";
import type { WanVaeConfig } from "./config.js";
import { unpatchify } from "./patch.js";
import { duplicateUp, upsample } from "./resample.js";

/**
 * One latent frame to pixel frames: one in the first pass, `temporalFactor` in later ones.
 *
 * docs/networks.md, section 4. Segments: `middle`, `up N`, `out`.
 *
 * @param z `[1, zDim, 1, height, width]`, as the encoder gives it (not normalised)
 * @returns `[1, frames, height, width, channels]`, not clamped; see `finishFrames`
 */
export function wanDecoder(pass: Pass, config: WanVaeConfig, z: Value): Value {
  const { g, probe } = pass;
  const { widths, decoderDim, zDim } = config;
  const dims = [widths[widths.length - 1], ...[...widths].reverse()].map((width) => width * decoderDim);
  let x = g.segment("middle", () => {
    const cells = g.transpose(g.convert(z, g.dtype), [0, 2, 3, 4, 1]);
    const latent = pointConv(g, cells, "post_quant_conv", zDim);
    probe?.("post_quant", latent);
    const first = causalConv(pass, latent, "decoder.conv_in", dims[0]);
    probe?.("conv_in", first);
    return middleBlock(pass, first, "decoder.mid_block");
  });
  probe?.("mid", x);
  for (let level = 0; level < widths.length; level++) {
    x = g.segment(`up ${level}`, () => upBlock(pass, config, x, level, dims[level + 1]));
    probe?.(`up${level}`, x);
  }
  return g.segment("out", () => {
    const normed = channelNorm(g, x, "decoder.norm_out", { silu: true, axes: 3 });
    const out = causalConv(pass, normed, "decoder.conv_out", config.channels);
    probe?.("out", out);
    return out;
  });
}

function upBlock(pass: Pass, config: WanVaeConfig, x: Value, level: number, channels: number): Value {
  const { residual, resBlocks, widths, halvesTime } = config;
  const name = `decoder.up_blocks.${level}`;
  let main = x;
  for (let i = 0; i <= resBlocks; i++) main = residualBlock(pass, main, `${name}.resnets.${i}`, channels);
  if (level === widths.length - 1) return main;
  // The decoder undoes the encoder's levels from the last one on.
  const time = halvesTime[halvesTime.length - 1 - level];
  if (!residual) return upsample(pass, main, `${name}.upsamplers.0`, channels / 2, time);
  const up = upsample(pass, main, `${name}.upsampler`, channels, time);
  return pass.g.add(up, duplicateUp(pass, x, channels, time ? 2 : 1));
}

/** What the decoder gives as pixels from -1 to 1, `[1, frames, height, width, 3]`, f32. */
export function finishFrames({ g }: Pass, { patch }: WanVaeConfig, x: Value): Value {
  return g.unary("clamp", unpatchify(g, x, patch), { a: -1, b: 1, dtype: "f32" });
}
