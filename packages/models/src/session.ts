import type { AttentionSpec, Backend } from "@spaattn/attention";
import type { AttentionCall, ModelAdapter } from "./adapter.js";
import { CacheRule } from "./cache-rule.js";
import type { VideoSize } from "./card.js";
import type { Forward } from "./schedule.js";
import { StepCache } from "./step-cache.js";

export interface SessionOptions {
  /** Where the step cache keeps its tensors; without it there is no step cache. */
  readonly backend?: Backend;
  readonly size?: Partial<VideoSize>;
}

/** One forward of a session: counts layers. */
export class SessionForward implements Forward {
  #layer = 0;

  constructor(
    readonly forward: Forward,
    readonly adapter: ModelAdapter,
    readonly size: Partial<VideoSize>,
  ) {}

  get index(): number {
    return this.forward.index;
  }
  get step(): number {
    return this.forward.step;
  }
  get branch(): Forward["branch"] {
    return this.forward.branch;
  }
  get expert(): number {
    return this.forward.expert;
  }
  get expertStep(): number {
    return this.forward.expertStep;
  }
  get dense(): boolean {
    return this.forward.dense;
  }

  /** Layers that have asked for their attention. */
  get layersDone(): number {
    return this.#layer;
  }

  /** The spec of the next attention layer. @throws RangeError after the last one. */
  attention(call: Pick<AttentionCall, "textValid" | "extras"> = {}): AttentionSpec {
    const layer = this.#layer;
    const { layers } = this.adapter.card;
    if (layer === layers) throw new RangeError(`forward ${this.index} has had all its ${layers} layers`);
    const spec = this.adapter.attention({ ...call, layer, step: this.step, branch: this.branch, size: this.size });
    this.#layer++;
    return spec;
  }
}

/**
 * One generation: counts forwards and layers for the caller, and owns the step cache.
 *
 * Iterate it, or call `next()` before each forward. A generation cannot run on into the next: after the last forward
 * `next()` throws, and a new session starts from nothing (docs/corrections.md#no-14).
 */
export class Session implements Iterable<SessionForward> {
  readonly stepCache: StepCache | undefined;
  readonly size: Partial<VideoSize>;
  #next = 0;
  #open: SessionForward | undefined;

  constructor(
    readonly adapter: ModelAdapter,
    { backend, size = {} }: SessionOptions,
  ) {
    this.size = size;
    adapter.geometry(size);
    if (backend) this.stepCache = new StepCache(backend, new CacheRule(adapter.stepCache, adapter.schedule.steps));
  }

  /** Forwards begun so far. */
  get forwardsDone(): number {
    return this.#next;
  }

  /** True when no forward is left. */
  get done(): boolean {
    return this.#next === this.adapter.schedule.forwards.length;
  }

  /**
   * Begins the next forward.
   *
   * @throws RangeError after the last one, or when the forward before stopped between two layers.
   */
  next(): SessionForward {
    const { schedule, card } = this.adapter;
    const before = this.#open;
    if (before && before.layersDone > 0 && before.layersDone < card.layers)
      throw new RangeError(`forward ${before.index} stopped after ${before.layersDone} of ${card.layers} layers`);
    if (this.done)
      throw new RangeError(`this generation has had all its ${schedule.forwards.length} forwards; start a new session`);
    const forward = new SessionForward(schedule.forwards[this.#next++], this.adapter, this.size);
    this.stepCache?.begin(forward);
    this.#open = forward;
    return forward;
  }

  *[Symbol.iterator](): Iterator<SessionForward> {
    while (!this.done) yield this.next();
  }

  dispose(): void {
    this.stepCache?.dispose();
  }
}
