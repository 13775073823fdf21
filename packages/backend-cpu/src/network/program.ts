import {
  type Bindings,
  byteLength,
  byteSize,
  type HostTensor,
  type OperationDescription,
  type Plan,
  type Program,
  type ProgramRunOptions,
  type RunReport,
  type TypedArray,
  throwIfAborted,
} from "@spaattn/core";
import type { NetworkCrew } from "../crew/crew.js";
import { now } from "../crew/phase-table.js";
import { disposedError } from "../errors.js";
import { kernelOf } from "../operations/index.js";
import type { Runtime } from "../runtime.js";
import { boundTensor, boundTensors } from "./bindings.js";
import { layOut, type MemoryLayout, type ProgramPart } from "./layout.js";
import { NetworkProgress } from "./progress.js";
import { type Addresses, SequenceStage } from "./stage.js";
import { WeightCache } from "./weights.js";

/** Waking threads takes about as long as this much work. */
const SMALL_SECONDS = 2e-4;

const caches = new WeakMap<NetworkCrew, WeightCache>();

/** The weights in a crew's memory, shared by its programs. */
export function weightsIn(crew: NetworkCrew): WeightCache {
  const known = caches.get(crew) ?? new WeightCache(crew);
  caches.set(crew, known);
  return known;
}

const bytesOf = (tensor: HostTensor): Uint8Array => {
  const { buffer, byteOffset, byteLength: length } = tensor.data as TypedArray;
  return new Uint8Array(buffer, byteOffset, length);
};

/** A plan of a network, its memory laid out. */
export class NetworkProgram implements Program {
  readonly #layout: MemoryLayout;
  #disposed = false;
  #crew: NetworkCrew | undefined;

  constructor(
    readonly runtime: Runtime,
    readonly plan: Plan,
    memoryLimit?: number,
  ) {
    this.#layout = layOut(plan, runtime.networkThreads, runtime.options.memoryLimit, memoryLimit);
  }

  async run(bindings: Bindings, options: ProgramRunOptions = {}): Promise<RunReport> {
    if (this.#disposed) throw disposedError();
    const tensors = boundTensors(this.plan, bindings);
    const start = performance.now();
    const progress = await this.runtime.turn(options.signal, async () => {
      if (this.#disposed) throw disposedError();
      const crew = await this.runtime.networkCrew();
      this.#crew = crew;
      return new NetworkRun(this, this.#layout, crew, tensors, bindings, options).run();
    });
    return { ms: performance.now() - start, steps: progress.timings() };
  }

  describe(): readonly OperationDescription[] {
    return this.#layout.placement.operations.map(({ op }) => ({
      op,
      kernel: `cpu.${this.runtime.kernel}.${op}`,
      reason: kernelOf(op)?.kernel ?? "head by head where the tensors lie, 64-row tiles over the block lists",
    }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // Behind runs under way: they still use what is freed here.
    void this.runtime
      .turn(undefined, async () => {
        for (const { stage } of this.#layout.parts) if (stage instanceof SequenceStage) stage.release();
        if (this.#crew) weightsIn(this.#crew).leave(this);
      })
      .catch(() => {});
  }

  get disposed(): boolean {
    return this.#disposed;
  }
}

class NetworkRun {
  readonly #weights: WeightCache;
  readonly #progress: NetworkProgress;

  constructor(
    readonly program: NetworkProgram,
    readonly layout: MemoryLayout,
    readonly crew: NetworkCrew,
    readonly tensors: ReadonlyMap<string, HostTensor>,
    readonly bindings: Bindings,
    readonly options: ProgramRunOptions,
  ) {
    this.#weights = weightsIn(crew);
    this.#progress = new NetworkProgress(layout.parts, options);
  }

  async run(): Promise<NetworkProgress> {
    const { layout, crew } = this;
    const fit = this.#allFit();
    // Weights that nobody asks for from here on may give way to those of this run.
    this.#weights.mark();
    const base = crew.claim(layout.bytes);
    try {
      this.#copyIn(base);
      for (const part of layout.parts) {
        throwIfAborted(this.options.signal);
        if (this.program.disposed) throw disposedError();
        if (!fit) this.#weights.mark();
        await this.#part(part, await this.#weightsFor(part), base);
      }
      this.#copyOut(base);
    } finally {
      crew.release(base);
    }
    return this.#progress;
  }

  get #room(): number {
    return this.program.runtime.options.memoryLimit - this.layout.bytes;
  }

  /** True when the weights of all parts have room together. */
  #allFit(): boolean {
    const names = new Set(this.layout.parts.flatMap(({ reads }) => reads));
    const bytes = [...names].reduce((sum, name) => sum + byteLength(this.layout.placement.values[name]), 0);
    return bytes <= this.#room;
  }

  /** The weights of a part: bound, or what `weightsOf` gives for its segment. */
  async #weightsFor({ segment }: ProgramPart): Promise<Bindings> {
    const { weightsOf } = this.options;
    if (!segment || !weightsOf || segment.weights.every((name) => this.bindings[name])) return this.bindings;
    return { ...this.bindings, ...(await weightsOf(segment.name, segment.weights)) };
  }

  async #part(part: ProgramPart, given: Bindings, base: number): Promise<void> {
    const { layout, crew, options } = this;
    const addresses = this.#addresses(given, base);
    const { stage } = part;
    const signal = options.signal ? { signal: options.signal } : {};
    if (!(stage instanceof SequenceStage)) {
      const start = performance.now();
      const onProgress = (share: number) => this.#progress.say(part, share * part.seconds[0]);
      const scratchAt = addresses.scratch(stage.index);
      const addressOf = (name: string) => this.#valueAt(addresses, name);
      await stage.attention.run(crew, addressOf, scratchAt, { ...signal, onProgress });
      this.#progress.done(part, [performance.now() - start]);
      return;
    }
    const { at, count, owners } = stage.prepare(crew, addresses);
    let seconds = 0;
    const upTo = part.seconds.map((own) => (seconds += own));
    const onTasks = (phases: number) => this.#progress.say(part, upTo[owners[Math.min(phases, count - 1)]] ?? 0);
    const small = seconds < SMALL_SECONDS;
    const { scratchBytes } = layout;
    const sequence = { at, count, scratchAt: base + layout.scratchAt, scratchBytes, small };
    const start = now();
    await crew.sequence(sequence, { ...signal, ...(options.onProgress ? { onTasks } : {}) });
    this.#progress.done(part, stage.times(crew, sequence, start));
  }

  #addresses(given: Bindings, base: number): Addresses {
    const { placement, slotAt, boundAt } = this.layout;
    return {
      base,
      value: (name) => base + (boundAt[name] ?? slotAt[placement.slotOf[name]]),
      weight: (name, form) => {
        const constant = this.program.plan.constants[name];
        const tensor = constant ?? boundTensor(name, placement.values[name], given);
        return this.#weights.address(tensor, form, this.program, this.#room);
      },
      scratch: (operation) => base + (slotAt[placement.scratchOf[operation]] ?? 0),
    };
  }

  #valueAt(addresses: Addresses, name: string): number {
    const { dtype, view } = this.layout.placement.values[name];
    const whole = view?.base ?? name;
    const { role } = this.layout.placement.values[whole];
    const at = role === "weight" || role === "constant" ? addresses.weight(whole, "raw") : addresses.value(whole);
    return at + (view?.offset ?? 0) * byteSize(dtype);
  }

  #copyIn(base: number): void {
    for (const [name, tensor] of this.tensors) {
      if (this.layout.placement.values[name].role === "output") continue;
      const from = bytesOf(tensor);
      this.crew.write(base + this.layout.boundAt[name], from.length, (to) => to.set(from));
    }
  }

  #copyOut(base: number): void {
    for (const [name, tensor] of this.tensors) {
      if (this.layout.placement.values[name].role === "input") continue;
      const to = bytesOf(tensor);
      this.crew.read(base + this.layout.boundAt[name], to.length, (from) => to.set(from));
    }
  }
}
