import { byteLength, type Device, type FloatDType, place, type Tensor } from "@spaattn/core";
import type { WanVaeConfig } from "@spaattn/networks";
import type { Builder } from "@spaattn/nn";
import { Network, planFlop, recordPlan } from "./network.js";
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
export class Passes {
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
    return planFlop(this.#plan(0)) + (this.frames > 1 ? (this.frames - 1) * planFlop(this.#plan(1)) : 0);
  }

  /** Bytes of everything a pass needs at once; compiles nothing. */
  get bytes(): number {
    const plan = this.#plan(this.frames > 1 ? 1 : 0);
    const bound = Object.values(plan.values).filter(
      ({ role, view }) => !view && role !== "temporary" && role !== "constant",
    );
    return place(plan).peakBytes + bound.reduce((sum, value) => sum + byteLength(value), 0);
  }

  dispose(): void {
    for (const network of this.#networks) network?.dispose();
    for (const state of this.#states.values()) state.dispose();
  }

  #plan(pass: number) {
    return recordPlan(this.context.store, this.context.dtype, this.#recordPass(pass));
  }

  #recordPass(pass: number): (g: Builder) => void {
    return (g) => this.record(g, pass === 0, this.frames > 1);
  }
}

/** Planes of some frames out of `[channels, frames, plane]`. */
export function someFrames(
  values: Float32Array,
  channels: number,
  frames: number,
  from: number,
  count: number,
): Float32Array {
  const plane = values.length / (channels * frames);
  const out = new Float32Array(channels * count * plane);
  for (let channel = 0; channel < channels; channel++) {
    const at = (channel * frames + from) * plane;
    out.set(values.subarray(at, at + count * plane), channel * count * plane);
  }
  return out;
}
