import {
  type Bindings,
  elementCount,
  type OperationDescription,
  type Placement,
  type Plan,
  type Program,
  type ProgramRunOptions,
  type RunReport,
  SpaAttnError,
  type Tensor,
  throwIfAborted,
} from "@spaattn/core";
import type { CudaDevice, Launch } from "../device.js";
import type { Handle } from "../driver/driver.js";
import { operationOf } from "../operations/index.js";
import { Turn } from "../streams.js";
import { CudaTensor } from "../tensor.js";
import { type Chip, shapesOf } from "./call.js";
import { type Addresses, RunGraph } from "./graph.js";
import { LaunchList } from "./launch-list.js";
import { ARENA, offsetsOf, type Recording, recordPlan } from "./record.js";
import { type Stage, stagesOf } from "./stages.js";

/** How a CUDA program is made, besides what all devices know. */
export interface CudaProgramOptions {
  /**
   * Whole runs as CUDA graphs, made again when other tensors are bound. By default programs of many launches do it from
   * the second run with the same tensors on.
   */
  readonly graph?: boolean;
}

/**
 * A placed plan whose launches were prepared once.
 *
 * Temporaries live in one piece of memory. Runs queue on the host, and everything that uses that memory waits on the device
 * for whoever used it before. A recording made while a run is under way gets memory of its own, which rests until its stream
 * is done with it.
 */
export class NetworkProgram implements Program {
  readonly #list: LaunchList;
  readonly #recording: Recording;
  readonly #stages: readonly Stage[];
  readonly #constants: Handle[] = [];
  readonly #arenaBytes: number;
  readonly #turn = new Turn();
  #arena: Handle | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #staged = false;
  readonly #graph: RunGraph;
  #disposed = false;

  constructor(
    readonly device: CudaDevice,
    readonly plan: Plan,
    readonly placement: Placement,
    readonly chip: Chip,
    readonly options: CudaProgramOptions = {},
  ) {
    this.#arenaBytes = offsetsOf(placement.slots).bytes;
    this.#stages = stagesOf(placement);
    this.#graph = new RunGraph(device, options.graph);
    try {
      this.#arena = this.#allocate();
      this.#recording = device.guard.within(() =>
        recordPlan(device, chip, plan, placement, { place: (name, bytes) => this.#constant(name, bytes) }),
      );
      device.enter().synchronizeStream(device.stream);
      this.#list = new LaunchList(device, this.#recording.launches);
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  /** What a run launches, in order; calls of libraries left out. */
  get launches(): readonly Launch[] {
    return this.#recording.launches.filter((launch): launch is Launch => typeof launch !== "function");
  }

  /** Bytes of its temporaries and scratch. */
  get arenaBytes(): number {
    return this.#arenaBytes;
  }

  run(bindings: Bindings, options: ProgramRunOptions = {}): Promise<RunReport> {
    this.#alive();
    const run = this.#queue.then(() => this.#run(bindings, options));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  /** Launches on the caller's stream (a `CUstream` as a bigint); never waits on the host. */
  encode(target: unknown, bindings: Bindings): void {
    this.#alive();
    if (typeof target !== "bigint" || target < 0n)
      throw new TypeError(`encode() needs a CUDA stream as a bigint, got ${typeof target}`);
    const addresses = this.#addressesOf(bindings);
    const end = this.placement.operations.length;
    const own = this.#staged ? this.#allocate() : undefined;
    try {
      this.#submit(target, addresses, 0, end, own ?? this.#arena);
    } finally {
      if (own !== undefined) this.device.allocator.free(own);
    }
  }

  describe(): readonly OperationDescription[] {
    return this.placement.operations.map((operation) => ({
      op: operation.op,
      ...(operationOf(operation.op)?.describe(shapesOf(operation, this.placement.values, this.chip)) ?? {
        kernel: "none",
        reason: "",
      }),
    }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#free();
  }

  async #run(bindings: Bindings, options: ProgramRunOptions): Promise<RunReport> {
    const { device } = this;
    const events: Handle[] = [];
    const mark = () => {
      const event = device.enter().createEvent();
      events.push(event);
      device.driver.recordEvent(event, device.stream);
      return event;
    };
    // Without anything to do between the segments, the whole plan is submitted at once.
    const staged = options.weightsOf || options.onProgress || options.signal;
    const whole = { name: "", segment: undefined, first: 0, end: this.placement.operations.length, weights: [] };
    const stages = staged ? this.#stages : [whole];
    try {
      this.#alive();
      this.#staged = stages.length > 1;
      const marks = [mark()];
      for (const [i, stage] of stages.entries()) {
        throwIfAborted(options.signal);
        // One stage computes while the next is prepared.
        if (i > 1) await device.done(marks[i - 1]);
        this.#alive();
        const own = stage.segment && options.weightsOf ? await options.weightsOf(stage.segment, stage.weights) : {};
        this.#alive();
        const addresses = this.#addressesOf({ ...bindings, ...own }, stage);
        this.#submit(device.stream, addresses, stage.first, stage.end, this.#arena);
        marks.push(mark());
        options.onProgress?.(this.#share(stage.end), stage.name);
      }
      await device.done(marks[marks.length - 1]);
      this.#alive();
      const ms = (from: number, to: number) => device.driver.elapsed(marks[from], marks[to]);
      const steps = stages.map(({ name }, i) => ({ op: name || "all", ms: ms(i, i + 1) }));
      return { ms: ms(0, stages.length), steps };
    } catch (error) {
      // What was submitted may still read the caller's tensors.
      if (!device.disposed) await device.finished(device.stream).catch(() => undefined);
      throw error;
    } finally {
      this.#staged = false;
      device.destroyEvents(events);
    }
  }

  #share(end: number): number {
    return end / Math.max(1, this.placement.operations.length);
  }

  /** Launches operations `[first, end)` with these tensors. */
  #submit(stream: Handle, addresses: Addresses, first: number, end: number, arena: Handle | undefined): void {
    const { starts } = this.#recording;
    this.device.submit(stream, this.#turn, () => {
      if (arena !== undefined) this.#list.bind(ARENA, arena);
      addresses.forEach((address, i) => {
        if (address !== undefined) this.#list.bind(i + 1, address);
      });
      const launch = (on: Handle) => this.#list.launch(starts[first], starts[end], on);
      const whole = end - first === this.placement.operations.length;
      if (whole) this.#graph.run([arena, ...addresses], this.#recording.launches.length, stream, launch);
      else launch(stream);
    });
  }

  /** Addresses of the bound tensors, in the order of the recording's symbols; weights of other stages may be missing. */
  #addressesOf(bindings: Bindings, stage?: Stage): (Handle | undefined)[] {
    return this.#recording.bound.map((name) => {
      const elsewhere =
        stage?.segment !== undefined && this.plan.values[name].role === "weight" && !stage.weights.includes(name);
      if (elsewhere && !bindings[name]) return undefined;
      return this.#addressOf(name, bindings[name]);
    });
  }

  #addressOf(name: string, tensor: Tensor | undefined): Handle {
    if (!(tensor instanceof CudaTensor) || tensor.device !== this.device)
      throw new TypeError(`bindings.${name} must be a tensor of this backend`);
    const { dtype, shape } = this.plan.values[name];
    if (tensor.dtype !== dtype || elementCount(tensor.shape) !== elementCount(shape))
      throw new RangeError(
        `bindings.${name} must be ${dtype} [${shape.join(", ")}], got ${tensor.dtype} [${tensor.shape.join(", ")}]`,
      );
    return tensor.pointer;
  }

  #allocate(): Handle | undefined {
    if (this.#arenaBytes === 0) return undefined;
    this.device.enter();
    return this.device.allocator.allocate(this.#arenaBytes, "the temporaries of a plan");
  }

  #constant(name: string, bytes: Uint8Array): Handle {
    const pointer = this.device.allocator.allocate(Math.max(1, bytes.length), `constant "${name}"`);
    this.#constants.push(pointer);
    if (bytes.length > 0) this.device.driver.copyToDevice(pointer, bytes, this.device.stream);
    return pointer;
  }

  #alive(): void {
    if (this.#disposed || this.device.disposed)
      throw new SpaAttnError("Disposed", "This program, or its backend, has been disposed.", {
        remedy: "Compile the plan again.",
      });
  }

  #free(): void {
    if (this.device.disposed) return;
    const { allocator } = this.device;
    if (this.#arena !== undefined) allocator.free(this.#arena);
    for (const pointer of this.#constants) allocator.free(pointer);
    this.#graph.dispose();
    this.#list?.dispose();
    this.device.streams.forget(this.#turn);
  }
}
