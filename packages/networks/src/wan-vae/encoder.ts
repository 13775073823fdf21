import type { Value } from "@spaattn/core";
import { channelNorm, middleBlock, residualBlock } from "./blocks.js";
import { causalConv, type Pass, pointConv } from "./causal.js";
import type { WanVaeConfig } from "./config.js";
import { patchify } from "./patch.js";
import { averageDown, downsample } from "./resample.js";

/** Bounds of the logarithm of the variance. */
const LOG_VARIANCE = { a: -30, b: 20, dtype: "f32" } as const;

/**
 * Pixel frames to one latent frame: one frame in the first pass, `temporalFactor` in later ones.
 *
 * docs/networks.md, section 4. Segments: `in`, `down N`, `middle`.
 *
 * @param video `[1, frames, height, width, 3]` from -1 to 1
 * @returns mean and logarithm of the variance, `[1, zDim, 1, height, width]`, f32, not normalised
 */
export function wanEncoder(pass: Pass, config: WanVaeConfig, video: Value): { mean: Value; logvar: Value } {
  const { g, probe } = pass;
  const { baseDim, widths, zDim, patch } = config;
  const dims = [1, ...widths].map((width) => width * baseDim);
  let x = g.segment("in", () =>
    causalConv(pass, patchify(g, g.convert(video, g.dtype), patch), "encoder.conv_in", dims[0]),
  );
  probe?.("conv_in", x);
  for (let level = 0; level < widths.length; level++) {
    x = g.segment(`down ${level}`, () => downBlock(pass, config, x, level, dims[level + 1]));
    probe?.(`down${level}`, x);
  }
  return g.segment("middle", () => {
    const middle = middleBlock(pass, x, "encoder.mid_block");
    probe?.("mid", middle);
    const normed = channelNorm(g, middle, "encoder.norm_out", { silu: true, axes: 3 });
    const out = causalConv(pass, normed, "encoder.conv_out", 2 * zDim);
    probe?.("out", out);
    // Channels in front, so that both halves lie together.
    const moments = g.convert(g.transpose(pointConv(g, out, "quant_conv", 2 * zDim), [0, 4, 1, 2, 3]), "f32");
    return {
      mean: g.slice(moments, 1, 0, zDim),
      logvar: g.unary("clamp", g.slice(moments, 1, zDim, zDim), LOG_VARIANCE),
    };
  });
}

function downBlock(pass: Pass, config: WanVaeConfig, x: Value, level: number, channels: number): Value {
  const { residual, resBlocks, widths, halvesTime } = config;
  const last = level === widths.length - 1;
  const time = !last && halvesTime[level];
  // The files of 2.1 count blocks and downsamplers through, those of 2.2 by level.
  const at = level * (resBlocks + 1);
  const names = residual
    ? { block: (i: number) => `${level}.resnets.${i}`, down: `${level}.downsampler` }
    : { block: (i: number) => String(at + i), down: String(at + resBlocks) };
  let main = x;
  for (let i = 0; i < resBlocks; i++)
    main = residualBlock(pass, main, `encoder.down_blocks.${names.block(i)}`, channels);
  if (!last) main = downsample(pass, main, `encoder.down_blocks.${names.down}`, time);
  return residual ? pass.g.add(main, averageDown(pass.g, x, channels, time ? 2 : 1, last ? 1 : 2)) : main;
}
