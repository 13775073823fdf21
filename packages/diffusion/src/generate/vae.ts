import type { Device, FloatDType, Tensor } from "@spaattn/core";
import { finishFrames, type WanVaeConfig, wanDecoder, wanEncoder } from "@spaattn/networks";
import type { Builder } from "@spaattn/nn";
import { denormalizeLatents, normalizeLatents } from "../wan/latents.js";
import { Network, planFlop, recordPlan } from "./network.js";
import type { ProgressMeter, Stage } from "./progress.js";
import type { WeightStore } from "./weight-store.js";

export interface VaeContext {
  readonly device: Device;
  readonly store: WeightStore;
  readonly config: WanVaeConfig;
  readonly dtype: FloatDType;
  readonly memoryLimit?: number;
}

type Record = (g: Builder, first: boolean, more: boolean) => void;

/** Passes over a video with one memory between them: one plan for the first, one for all others. */
class Passes {
  readonly #states = new Map<string, Tensor>();
  readonly #networks: (Network | undefined)[] = [];

  /** @param frames latent frames, one per pass */
  constructor(
    readonly context: VaeContext,
    readonly frames: number,
    readonly record: Record,
  ) {}

  async network(pass: number): Promise<Network> {
    const { device, store, dtype, memoryLimit } = this.context;
    const index = pass === 0 ? 0 : 1;
    const options = { dtype, states: this.#states, ...(memoryLimit === undefined ? {} : { memoryLimit }) };
    const network = this.#networks[index] ?? (await Network.create(device, store, this.#recordPass(pass), options));
    this.#networks[index] = network;
    return network;
  }

  /** Floating-point operations of all passes; compiles nothing. */
  get flop(): number {
    const { store, dtype } = this.context;
    const of = (pass: number) => planFlop(recordPlan(store, dtype, this.#recordPass(pass)));
    return of(0) + (this.frames > 1 ? (this.frames - 1) * of(1) : 0);
  }

  dispose(): void {
    for (const network of this.#networks) network?.dispose();
    for (const state of this.#states.values()) state.dispose();
  }

  #recordPass(pass: number): (g: Builder) => void {
    return (g) => this.record(g, pass === 0, this.frames > 1);
  }
}

/** Size of a video's latents. */
interface Latents {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** Planes of some frames out of `[channels, frames, plane]`. */
function part(values: Float32Array, channels: number, frames: number, from: number, count: number): Float32Array {
  const plane = values.length / (channels * frames);
  const out = new Float32Array(channels * count * plane);
  for (let channel = 0; channel < channels; channel++)
    out.set(
      values.subarray((channel * frames + from) * plane, (channel * frames + from + count) * plane),
      channel * count * plane,
    );
  return out;
}

/** Turns latents into frames, one latent frame after the other. */
export class VaeDecoder {
  readonly #passes: Passes;
  readonly #context: VaeContext;
  readonly #size: Latents;

  constructor(context: VaeContext, size: Latents) {
    this.#context = context;
    this.#size = size;
    this.#passes = new Passes(context, size.frames, (g, first, more) => {
      const pass = { g, first, more };
      const z = g.input("z", "f32", this.#frame);
      g.output("frames", finishFrames(pass, context.config, wanDecoder(pass, context.config, z)));
    });
  }

  /** Floating-point operations of all passes. */
  get flop(): number {
    return this.#passes.flop;
  }

  /**
   * Decodes normalised latents `[channels, frames, height, width]`.
   *
   * @yields pixels from -1 to 1, `[frames, height, width, 3]`: one frame, then as many as a latent frame stands for
   */
  async *decode(latents: Float32Array, meter: ProgressMeter, signal?: AbortSignal): AsyncGenerator<Float32Array> {
    const { config } = this.#context;
    const { frames } = this.#size;
    const z = denormalizeLatents(latents, config);
    for (let pass = 0; pass < frames; pass++) {
      const network = await this.#passes.network(pass);
      await network.set("z", this.#frame, part(z, config.zDim, frames, pass, 1));
      const { options, finish } = meter.begin("decode", network.flop, signal);
      await network.run(options);
      finish();
      yield await network.read("frames");
    }
  }

  dispose(): void {
    this.#passes.dispose();
  }

  get #frame(): number[] {
    return [1, this.#context.config.zDim, 1, this.#size.height, this.#size.width];
  }
}

/** Turns frames into latents, as many frames at a time as a latent frame stands for. */
export class VaeEncoder {
  readonly #passes: Passes;
  readonly #context: VaeContext;
  readonly #size: Latents;

  /** @param size of the latents */
  constructor(context: VaeContext, size: Latents) {
    this.#context = context;
    this.#size = size;
    this.#passes = new Passes(context, size.frames, (g, first, more) => {
      const video = g.input("video", "f32", this.#shape(first ? 1 : context.config.temporalFactor));
      const { mean } = wanEncoder({ g, first, more }, context.config, video);
      g.output("mean", mean);
    });
  }

  get flop(): number {
    return this.#passes.flop;
  }

  /**
   * Encodes a video `[3, frames, height, width]` from -1 to 1 to normalised latents: the mean, no sample.
   *
   * @returns `[channels, latent frames, height, width]`
   */
  async encode(video: Float32Array, meter: ProgressMeter, stage: Stage, signal?: AbortSignal): Promise<Float32Array> {
    const { config } = this.#context;
    const { frames, height, width } = this.#size;
    const pixelFrames = 1 + (frames - 1) * config.temporalFactor;
    const plane = height * width;
    const out = new Float32Array(config.zDim * frames * plane);
    for (let pass = 0, at = 0; pass < frames; pass++) {
      const count = pass === 0 ? 1 : config.temporalFactor;
      const network = await this.#passes.network(pass);
      const planes = part(video, 3, pixelFrames, at, count);
      await network.set("video", this.#shape(count), channelsLast(planes, 3));
      const { options, finish } = meter.begin(stage, network.flop, signal);
      await network.run(options);
      finish();
      const mean = await network.read("mean");
      for (let channel = 0; channel < config.zDim; channel++)
        out.set(mean.subarray(channel * plane, (channel + 1) * plane), (channel * frames + pass) * plane);
      at += count;
    }
    return normalizeLatents(out, config);
  }

  dispose(): void {
    this.#passes.dispose();
  }

  #shape(frames: number): number[] {
    const { spatialFactor } = this.#context.config;
    return [1, frames, this.#size.height * spatialFactor, this.#size.width * spatialFactor, 3];
  }
}

function channelsLast(planes: Float32Array, channels: number): Float32Array {
  const plane = planes.length / channels;
  const out = new Float32Array(planes.length);
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < plane; i++) out[i * channels + channel] = planes[channel * plane + i];
  return out;
}
