import { type Config, ConfigReader } from "./config.js";

/** The encoder of T5 v1.1 or UMT5. */
export interface T5Config {
  readonly layers: number;
  readonly dim: number;
  readonly heads: number;
  readonly headDim: number;
  readonly ffnDim: number;
  readonly vocabulary: number;
  readonly buckets: number;
  readonly maxDistance: number;
  readonly eps: number;
  /** UMT5: every layer has its own table of relative positions; T5: the first one's serves all. */
  readonly biasPerLayer: boolean;
}

/**
 * Reads the configuration of a T5 or UMT5 encoder.
 *
 * @throws SpaAttnError MalformedFile or Unsupported, naming the key
 */
export function t5Config(config: Config, what = "the text encoder's config.json"): T5Config {
  const read = new ConfigReader(config, what);
  read.expect("model_type", undefined, ["t5", "umt5"]);
  read.expect("feed_forward_proj", "relu", ["gated-gelu"]);
  return {
    layers: read.size("num_layers", 6),
    dim: read.size("d_model", 512),
    heads: read.size("num_heads", 8),
    headDim: read.size("d_kv", 64),
    ffnDim: read.size("d_ff", 2048),
    vocabulary: read.size("vocab_size", 32128),
    buckets: read.size("relative_attention_num_buckets", 32),
    maxDistance: read.size("relative_attention_max_distance", 128),
    eps: read.number("layer_norm_epsilon", 1e-6),
    biasPerLayer: config.model_type === "umt5",
  };
}
