import {
  type Bindings,
  type Device,
  type FloatDType,
  HostTensor,
  type Plan,
  type Program,
  place,
  type RunOptions,
  SpaAttnError,
  type Tensor,
} from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import { type Residency, residency } from "./residency.js";
import type { WeightStore } from "./weight-store.js";

export interface NetworkOptions {
  /** Dtype of activations; default f32. */
  readonly dtype?: FloatDType;
  /** Bytes for weights, activations and states together. */
  readonly memoryLimit?: number;
  /** What the plan remembers; networks that share it go on with one video. */
  readonly states?: Map<string, Tensor>;
}

/** Records a network; weights of another shape than it asks for are named together with their file. */
export function recordPlan(store: WeightStore, dtype: FloatDType, record: (g: Builder) => void): Plan {
  const g = new Builder({ dtype, weightSpec: (name) => store.specs.get(name) });
  try {
    record(g);
  } catch (error) {
    if (!(error instanceof RangeError && error.message.startsWith("weight "))) throw error;
    throw new SpaAttnError("MalformedFile", `${store.weights.name}: ${error.message}`, {
      remedy: "Configuration and weights belong to different models.",
      cause: error,
    });
  }
  return g.build();
}

/** Floating-point operations of a plan. */
export const planFlop = (plan: Plan): number => plan.operations.reduce((sum, { cost }) => sum + cost.flop, 0);

/** A recorded network on a device: a compiled plan, its inputs, outputs and weights. */
export class Network {
  readonly #tensors = new Map<string, Tensor>();

  private constructor(
    readonly plan: Plan,
    readonly device: Device,
    readonly program: Program,
    readonly residency: Residency,
    readonly states: Map<string, Tensor>,
  ) {}

  /**
   * Records, checks and compiles.
   *
   * @throws SpaAttnError MalformedFile for weights that do not fit, OutOfMemory, Unsupported
   */
  static async create(
    device: Device,
    store: WeightStore,
    record: (g: Builder) => void,
    options: NetworkOptions = {},
  ): Promise<Network> {
    const { dtype = "f32", memoryLimit, states = new Map() } = options;
    const plan = recordPlan(store, dtype, record);
    await store.check(plan);
    const least = place(plan, { rowsBytes: 1 << 20 }).leastBytes;
    const held = residency(plan, store, memoryLimit === undefined ? undefined : memoryLimit - least);
    const rest = memoryLimit === undefined ? {} : { memoryLimit: memoryLimit - held.bytes };
    return new Network(plan, device, await device.compile(plan, rest), held, states);
  }

  /** Floating-point operations of one run. */
  get flop(): number {
    return planFlop(this.plan);
  }

  /** Sets an input; it stays until it is set again. */
  async set(name: string, shape: readonly number[], data: Float32Array | Int32Array | Uint8Array): Promise<void> {
    const dtype = data instanceof Float32Array ? "f32" : data instanceof Int32Array ? "i32" : "u8";
    const host = new HostTensor(dtype, shape, data as never);
    const known = this.#tensors.get(name);
    if (!known) this.#tensors.set(name, this.device.upload(host));
    else await this.device.write(known, [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  }

  async run(options: RunOptions = {}): Promise<void> {
    const weights = await this.residency.bind(options.signal);
    const { weightsOf } = this.residency;
    await this.program.run({ ...weights, ...this.#bindings() }, { ...options, ...(weightsOf && { weightsOf }) });
  }

  /** An output, as float32 values. */
  async read(name: string): Promise<Float32Array> {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new RangeError(`there is no output "${name}"`);
    return (await tensor.read()).toFloat32();
  }

  dispose(): void {
    this.program.dispose();
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  /** Inputs, outputs and states; those not there yet are allocated. */
  #bindings(): Bindings {
    const bindings: Record<string, Tensor> = {};
    for (const [name, { role, view, dtype, shape }] of Object.entries(this.plan.values)) {
      if (view || (role !== "input" && role !== "output" && role !== "state")) continue;
      const kept = role === "state" ? this.states : this.#tensors;
      let tensor = kept.get(name);
      if (!tensor) {
        if (role === "input") throw new RangeError(`input "${name}" has not been set`);
        tensor = this.device.allocate(dtype, shape);
        kept.set(name, tensor);
      }
      bindings[name] = tensor;
    }
    return bindings;
  }
}
