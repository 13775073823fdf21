/** Per-channel statistics of a VAE's latents, as its configuration lists them. */
export interface LatentStatistics {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** What the transformer sees: `(z - mean) / deviation` per channel of `[channels, ...]`. */
export const normalizeLatents = (z: Float32Array, { mean, deviation }: LatentStatistics): Float32Array =>
  perChannel(z, mean.length, (value, channel) => (value - mean[channel]) / deviation[channel]);

/** What the VAE decodes: the inverse. */
export const denormalizeLatents = (x: Float32Array, { mean, deviation }: LatentStatistics): Float32Array =>
  perChannel(x, mean.length, (value, channel) => value * deviation[channel] + mean[channel]);

function perChannel(values: Float32Array, channels: number, change: (value: number, channel: number) => number) {
  if (channels === 0 || values.length % channels !== 0)
    throw new RangeError(`${values.length} numbers are not latents of ${channels} channels`);
  const plane = values.length / channels;
  return values.map((value, i) => change(value, Math.floor(i / plane)));
}
