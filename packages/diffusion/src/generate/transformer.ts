import type { Device, FloatDType } from "@spaattn/core";
import { type WanConfig, type WanOptions, wanTransformer } from "@spaattn/networks";
import type { Builder } from "@spaattn/nn";
import type { LatentSize } from "../wan/condition.js";
import { Network, planFlop, recordPlan } from "./network.js";
import type { WeightStore } from "./weight-store.js";

export interface TransformerContext {
  readonly device: Device;
  readonly store: WeightStore;
  readonly config: WanConfig;
  readonly dtype: FloatDType;
  readonly memoryLimit?: number;
}

export interface TransformerShape {
  readonly size: LatentSize;
  readonly textRows: number;
  /** Rows of image features; 0 for none. */
  readonly imageRows: number;
  /** The first latent frame is given: its tokens are at time step 0. */
  readonly firstGiven: boolean;
}

const recordTransformer =
  ({ config }: TransformerContext, shape: TransformerShape, options: WanOptions) =>
  (g: Builder): void => {
    const { size, textRows, imageRows, firstGiven } = shape;
    const { tokens } = tokenCounts(config, size);
    const inputs = {
      latents: g.input("latents", "f32", [1, config.inChannels, size.frames, size.height, size.width]),
      timestep: g.input("timestep", "f32", [1, firstGiven ? 2 : 1]),
      text: g.input("text", "f32", [1, textRows, config.textDim]),
      ...(firstGiven ? { index: g.input("index", "i32", [1, tokens]) } : {}),
      ...(imageRows > 0 ? { image: g.input("image", "f32", [1, imageRows, config.imageDim ?? 0]) } : {}),
    };
    g.output("velocity", wanTransformer(g, config, inputs, options));
  };

/** Floating-point operations of one call; compiles nothing. */
export const transformerFlop = (
  context: TransformerContext,
  shape: TransformerShape,
  options: WanOptions = {},
): number => planFlop(recordPlan(context.store, context.dtype, recordTransformer(context, shape, options)));

/** A compiled transformer for one size, without guidance: one video at a time. */
export async function createTransformer(
  context: TransformerContext,
  shape: TransformerShape,
  options: WanOptions = {},
): Promise<Network> {
  const { device, store, config, dtype, memoryLimit } = context;
  const limit = memoryLimit === undefined ? {} : { memoryLimit };
  const network = await Network.create(device, store, recordTransformer(context, shape, options), { dtype, ...limit });
  if (shape.firstGiven) {
    const { tokens, perFrame } = tokenCounts(config, shape.size);
    // Row 0 is the time step, row 1 time step 0.
    await network.set("index", [1, tokens], new Int32Array(tokens).fill(1, 0, perFrame));
  }
  return network;
}

function tokenCounts({ patch }: WanConfig, { frames, height, width }: LatentSize) {
  const perFrame = (height / patch[1]) * (width / patch[2]);
  return { tokens: (frames / patch[0]) * perFrame, perFrame };
}

/** Sets the time step of all tokens (or of all but those of the first frame). */
export const setTimestep = (network: Network, timestep: number, firstGiven: boolean): Promise<void> =>
  network.set("timestep", [1, firstGiven ? 2 : 1], Float32Array.from(firstGiven ? [timestep, 0] : [timestep]));
