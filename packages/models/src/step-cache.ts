import type { Backend } from "@spaattn/attention";
import { HostTensor, isHostTensor, type Tensor } from "@spaattn/core";
import { branchKey, type CacheRule } from "./cache-rule.js";
import type { Forward } from "./schedule.js";

/** Hidden states by stream: `visual`, and `text` where the model keeps a residual of it (CogVideoX). */
export type Streams = Readonly<Record<string, Tensor>>;

interface BranchMemory {
  previous?: Tensor;
  readonly residual: Record<string, Tensor>;
}

/**
 * The step cache of one generation, on the backend's tensors (TeaCache; docs/models.md#step-cache).
 *
 * Per forward: `shouldCompute(indicator)`; when true run the layers and `store(before, after)`, else `reuse(before, out)`.
 * Only the relative change of the indicator, one number, is read back.
 */
export class StepCache {
  readonly #memory = new Map<string, BranchMemory>();
  #forward: Forward | undefined;

  constructor(
    readonly backend: Backend,
    readonly rule: CacheRule,
  ) {}

  /** Says which forward the next calls belong to; a session does it. */
  begin(forward: Forward): void {
    this.#forward = forward;
  }

  /** False when the layers of this forward may be skipped. `indicator` is not kept: its contents are copied. */
  async shouldCompute(indicator: Tensor): Promise<boolean> {
    const forward = this.#current();
    const memory = this.#remember(forward);
    const current = await this.#copy(indicator);
    const change = memory.previous && (await this.#change(current, memory.previous));
    memory.previous?.dispose();
    memory.previous = current;
    return this.rule.decide(forward, change);
  }

  /** Keeps `after - before` of every stream, for later forwards of this branch that are skipped. */
  async store(before: Streams, after: Streams): Promise<void> {
    const { residual } = this.#remember(this.#current());
    for (const [name, input] of Object.entries(before)) {
      const { dtype, shape } = input;
      residual[name] ??= this.backend.allocate(dtype, shape);
      await this.backend.elementwise.subtract(this.#stream(after, name), input, residual[name]);
    }
  }

  /** Writes `before + residual` of every stream to `out`. */
  async reuse(before: Streams, out: Streams): Promise<void> {
    const { residual } = this.#remember(this.#current());
    for (const [name, input] of Object.entries(before)) {
      if (!residual[name])
        throw new RangeError(`stepCache.reuse: nothing was stored for stream "${name}" of this branch`);
      await this.backend.elementwise.add(input, residual[name], this.#stream(out, name));
    }
  }

  dispose(): void {
    for (const { previous, residual } of this.#memory.values()) {
      previous?.dispose();
      for (const tensor of Object.values(residual)) tensor.dispose();
    }
    this.#memory.clear();
  }

  #current(): Forward {
    if (this.#forward) return this.#forward;
    throw new RangeError("stepCache: no forward has begun (call session.next() first)");
  }

  #remember(forward: Forward): BranchMemory {
    const key = branchKey(forward);
    const memory = this.#memory.get(key) ?? { residual: {} };
    this.#memory.set(key, memory);
    return memory;
  }

  #stream(streams: Streams, name: string): Tensor {
    if (streams[name]) return streams[name];
    throw new TypeError(`stepCache: stream "${name}" is missing`);
  }

  /** Mean absolute difference over mean absolute value of the earlier one. */
  async #change(current: Tensor, previous: Tensor): Promise<number> {
    const { elementwise } = this.backend;
    const difference = await elementwise.meanAbsolute(current, previous);
    if (difference === 0) return 0;
    return difference / (await elementwise.meanAbsolute(previous));
  }

  /** The contract has no copy; adding zeros is exact. */
  async #copy(tensor: Tensor): Promise<Tensor> {
    if (!this.backend.owns(tensor)) {
      if (isHostTensor(tensor)) return this.backend.upload(tensor);
      throw new TypeError(`indicator must be a host tensor or a tensor of backend "${this.backend.name}"`);
    }
    const zeros = this.backend.upload(new HostTensor(tensor.dtype, tensor.shape));
    const copy = this.backend.allocate(tensor.dtype, tensor.shape);
    await this.backend.elementwise.add(tensor, zeros, copy);
    zeros.dispose();
    return copy;
  }
}
