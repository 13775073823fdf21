import { type Config, ConfigReader } from "../config.js";

/** `AutoencoderKLWan`. */
export interface WanVaeConfig {
  readonly baseDim: number;
  readonly decoderDim: number;
  readonly zDim: number;
  /** Widths of the levels, in units of the base. */
  readonly widths: readonly number[];
  readonly resBlocks: number;
  /** For every level but the last: whether frames are halved too. */
  readonly halvesTime: readonly boolean[];
  /** Wan 2.2: short cuts around the levels. */
  readonly residual: boolean;
  /** Pixels per side that are folded into channels before the first level; 1 for none. */
  readonly patch: number;
  /** Channels of the networks: 3, or 3 * patch^2. */
  readonly channels: number;
  /** Statistics of the latents, per channel. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** Pixels per latent on each side, pixel frames per latent frame. */
  readonly spatialFactor: number;
  readonly temporalFactor: number;
}

const MEAN = [
  ...[-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508],
  ...[0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921],
];
const DEVIATION = [
  ...[2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743],
  ...[3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.916],
];

/**
 * Reads the configuration of a Wan VAE; defaults are those of 2.1.
 *
 * @throws SpaAttnError MalformedFile or Unsupported, naming the key
 */
export function wanVaeConfig(config: Config, what = "the VAE's config.json"): WanVaeConfig {
  const read = new ConfigReader(config, what);
  read.expect("_class_name", "AutoencoderKLWan", ["AutoencoderKLWan"]);
  read.expect("attn_scales", [], [[]]);
  const widths = read.list("dim_mult", "number", [1, 2, 4, 4]);
  if (widths.length < 1 || !widths.every((width) => Number.isSafeInteger(width) && width > 0))
    read.refuse("dim_mult", widths, "positive integers");
  const halvesTime = read.list("temperal_downsample", "boolean", [false, true, true]);
  if (halvesTime.length !== widths.length - 1)
    read.refuse("temperal_downsample", halvesTime, `${widths.length - 1} flags, one less than dim_mult has levels`);
  const zDim = read.size("z_dim", 16);
  const [mean, deviation] = [read.list("latents_mean", "number", MEAN), read.list("latents_std", "number", DEVIATION)];
  for (const [key, list] of Object.entries({ latents_mean: mean, latents_std: deviation }))
    if (list.length !== zDim) read.refuse(key, list, `${zDim} numbers`);
  const baseDim = read.size("base_dim", 96);
  const patch = read.optionalSize("patch_size") ?? 1;
  const channels = read.size("in_channels", 3);
  read.expect("out_channels", 3, [channels]);
  if (channels !== 3 * patch * patch) read.refuse("in_channels", channels, String(3 * patch * patch));
  return {
    baseDim,
    decoderDim: read.optionalSize("decoder_base_dim") ?? baseDim,
    zDim,
    widths,
    resBlocks: read.size("num_res_blocks", 2),
    halvesTime,
    residual: read.flag("is_residual", false),
    patch,
    channels,
    mean,
    deviation,
    spatialFactor: patch * 2 ** (widths.length - 1),
    temporalFactor: 2 ** halvesTime.filter(Boolean).length,
  };
}
