import { type Config, ConfigReader } from "./config.js";

/** `WanTransformer3DModel`. */
export interface WanConfig {
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  /** heads * headDim */
  readonly dim: number;
  readonly ffnDim: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly textDim: number;
  /** Width of the image features (2.1 image to video), where there are any. */
  readonly imageDim?: number;
  /** Learned positions of the features of two images. */
  readonly imagePositions?: number;
  readonly freqDim: number;
  readonly eps: number;
  /** Latents per token: frames, rows, columns. */
  readonly patch: readonly [number, number, number];
  /** Positions per axis that the rotary embedding has. */
  readonly maxPositions: number;
}

/**
 * Reads the configuration of a Wan transformer; defaults are those of T2V 14B.
 *
 * @throws SpaAttnError MalformedFile or Unsupported, naming the key
 */
export function wanConfig(config: Config, what = "the transformer's config.json"): WanConfig {
  const read = new ConfigReader(config, what);
  read.expect("_class_name", "WanTransformer3DModel", ["WanTransformer3DModel"]);
  read.expect("qk_norm", "rms_norm_across_heads", ["rms_norm_across_heads"]);
  read.expect("cross_attn_norm", true, [true]);
  const patch = read.list("patch_size", "number", [1, 2, 2]);
  if (patch.length !== 3 || !patch.every((size) => Number.isSafeInteger(size) && size > 0))
    read.refuse("patch_size", patch, "three positive integers");
  const heads = read.size("num_attention_heads", 40);
  const headDim = read.size("attention_head_dim", 128);
  if (headDim % 2 !== 0) read.refuse("attention_head_dim", headDim, "even");
  const dim = heads * headDim;
  const addedDim = read.optionalSize("added_kv_proj_dim");
  if (addedDim !== undefined && addedDim !== dim) read.refuse("added_kv_proj_dim", addedDim, String(dim));
  const imageDim = read.optionalSize("image_dim");
  const imagePositions = read.optionalSize("pos_embed_seq_len");
  return {
    layers: read.size("num_layers", 40),
    heads,
    headDim,
    dim,
    ffnDim: read.size("ffn_dim", 13824),
    inChannels: read.size("in_channels", 16),
    outChannels: read.size("out_channels", 16),
    textDim: read.size("text_dim", 4096),
    ...(imageDim === undefined ? {} : { imageDim }),
    ...(imagePositions === undefined ? {} : { imagePositions }),
    freqDim: read.size("freq_dim", 256),
    eps: read.number("eps", 1e-6),
    patch: patch as unknown as WanConfig["patch"],
    maxPositions: read.size("rope_max_seq_len", 1024),
  };
}
