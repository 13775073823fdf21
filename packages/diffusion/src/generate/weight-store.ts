import {
  type Bindings,
  byteLength,
  type Device,
  type Plan,
  SpaAttnError,
  type Tensor,
  type TensorSpec,
} from "@spaattn/core";
import { fileTypeToDType, type Weights } from "@spaattn/weights";

/** The weights of one network on a device: each is uploaded when it is first needed, piece by piece. */
export class WeightStore {
  readonly #tensors = new Map<string, Promise<Tensor>>();
  #disposed = false;

  private constructor(
    readonly weights: Weights,
    readonly device: Device,
    readonly specs: ReadonlyMap<string, TensorSpec>,
  ) {}

  /**
   * Reads names, dtypes and shapes; no weights.
   *
   * @throws SpaAttnError MalformedFile, FileAccess or Unsupported
   */
  static async open(weights: Weights, device: Device): Promise<WeightStore> {
    const specs = new Map<string, TensorSpec>();
    for (const name of weights.names) {
      const { dtype, shape } = await weights.entry(name);
      specs.set(name, { dtype, shape });
    }
    return new WeightStore(weights, device, specs);
  }

  /** @throws SpaAttnError MalformedFile where a weight of the plan is missing: which, where, of what shape. */
  async check(plan: Plan): Promise<void> {
    for (const [name, { role, view, shape }] of Object.entries(plan.values))
      if (role === "weight" && !view) await this.weights.entry(name, { shape });
  }

  /** Uploads what is not there yet. */
  async bindings(names: readonly string[], signal?: AbortSignal): Promise<Bindings> {
    const bindings: Record<string, Tensor> = {};
    for (const name of names) bindings[name] = await this.#get(name, signal);
    return bindings;
  }

  /** Frees some weights; they are read again when they are needed. */
  forget(names: Iterable<string>): void {
    for (const name of names) {
      const tensor = this.#tensors.get(name);
      this.#tensors.delete(name);
      tensor?.then((one) => one.dispose()).catch(() => {});
    }
  }

  bytesOf(names: Iterable<string>): number {
    let bytes = 0;
    for (const name of names) bytes += byteLength(this.specs.get(name) ?? { dtype: "u8", shape: [0] });
    return bytes;
  }

  /**
   * Names the first weight that holds a number that is none, after a network gave such a number.
   *
   * @throws SpaAttnError MalformedFile
   */
  async blame(): Promise<void> {
    for (const name of this.weights.names) {
      const tensor = await this.weights.read(name);
      if (tensor.toFloat32().every(Number.isFinite)) continue;
      const { file } = await this.weights.entry(name);
      throw new SpaAttnError("MalformedFile", `${file}: tensor ${JSON.stringify(name)} holds NaN or infinity.`, {
        remedy: "The file is damaged or its training failed; download it again.",
      });
    }
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    this.forget([...this.#tensors.keys()]);
    await this.weights.close();
  }

  #get(name: string, signal: AbortSignal | undefined): Promise<Tensor> {
    const known = this.#tensors.get(name);
    if (known) return known;
    const loading = this.#load(name, signal);
    this.#tensors.set(name, loading);
    // A failed or cancelled upload is tried again.
    loading.catch(() => this.#tensors.delete(name));
    return loading;
  }

  async #load(name: string, signal: AbortSignal | undefined): Promise<Tensor> {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", `${this.weights.name} has been closed.`, { remedy: "Open it again." });
    const { dtype, fileType, shape } = await this.weights.entry(name);
    if (fileTypeToDType(fileType) !== dtype) return this.device.upload(await this.weights.read(name));
    const tensor = this.device.allocate(dtype, shape);
    try {
      await this.device.write(tensor, this.weights.stream(name, signal ? { signal } : {}));
      return tensor;
    } catch (error) {
      tensor.dispose();
      throw error;
    }
  }
}
