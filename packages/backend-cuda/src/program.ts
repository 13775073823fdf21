import type { Bindings, Plan, Program, RunOptions, RunReport, StepDescription, StepTiming } from "@spaattn/attention";
import { SpaAttnError, type Tensor, throwIfAborted } from "@spaattn/core";
import { describeStep } from "./describe.js";
import type { CudaDevice } from "./device.js";
import { launchPlan, type Placed, siteOf } from "./dispatch.js";
import type { Handle } from "./driver/driver.js";
import { headsPerChunk } from "./layout.js";
import { NamedScratch } from "./scratch.js";
import { Turn } from "./streams.js";
import { CudaTensor } from "./tensor.js";

/**
 * A plan ready to run: all its kernels loaded, all its memory allocated.
 *
 * It works on a few heads at a time, all steps of a plan for them before the next ones, so that workspace stays small;
 * block lists, summaries and biases stay in the kernels' own layout in between. Runs share the workspace: record at most one
 * stream at a time.
 */
export class CudaProgram implements Program {
  readonly #scratch: NamedScratch;
  readonly #constants = new Map<string, Handle>();
  readonly #chunk: number;
  readonly #turn = new Turn();
  #disposed = false;

  constructor(
    readonly device: CudaDevice,
    readonly plan: Plan,
  ) {
    checkPlan(plan);
    this.#scratch = new NamedScratch(device);
    this.#chunk = headsPerChunk(plan);
    try {
      device.enter();
      this.#uploadConstants();
      this.#chunks((first, heads) => this.#launch(first, heads, undefined, device.stream));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Bytes this program holds besides its inputs and outputs. */
  get workspaceBytes(): number {
    return this.#scratch.bytes;
  }

  async run(bindings: Bindings, options: RunOptions = {}): Promise<RunReport> {
    this.#alive();
    const { device, plan } = this;
    const driver = device.enter();
    const ends: Handle[][] = [];
    const events: Handle[] = [];
    const mark = () => {
      const event = driver.createEvent();
      events.push(event);
      driver.recordEvent(event, device.stream);
      return event;
    };
    const total = Math.ceil((plan.geometry.batch * plan.geometry.heads) / this.#chunk);
    try {
      const begin = mark();
      for (let chunk = 0; chunk < total; chunk++) {
        throwIfAborted(options.signal);
        const [first, heads] = this.#range(chunk);
        const marks: Handle[] = [];
        device.submit(device.stream, this.#turn, () =>
          this.#launch(first, heads, bindings, device.stream, () => marks.push(mark())),
        );
        ends.push(marks);
        // One chunk computes while the next is submitted; a cancelled run stops at the chunk after.
        if (chunk > 0) await device.done(ends[chunk - 1].at(-1) as Handle);
        options.onProgress?.((chunk + 1) / total, "attend");
      }
      await device.done(ends[total - 1].at(-1) as Handle);
      return this.#report(begin, ends);
    } catch (error) {
      if (!device.disposed) await device.finished(device.stream).catch(() => undefined);
      throw error;
    } finally {
      device.destroyEvents(events);
    }
  }

  /** Launches on the caller's stream (its address); never waits. */
  encode(target: unknown, bindings: Bindings): void {
    this.#alive();
    if (typeof target !== "bigint" || target < 0n)
      throw new TypeError(`encode() needs a CUDA stream as a bigint, got ${typeof target}`);
    this.device.submit(target, this.#turn, () =>
      this.#chunks((first, heads) => this.#launch(first, heads, bindings, target)),
    );
  }

  describe(): readonly StepDescription[] {
    return this.plan.steps.map(({ step }) =>
      describeStep(step, this.device.capability, this.#chunk, this.plan.geometry),
    );
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#scratch.dispose();
    if (!this.device.disposed) this.device.streams.forget(this.#turn);
    if (!this.device.disposed) for (const pointer of this.#constants.values()) this.device.allocator.free(pointer);
    this.#constants.clear();
  }

  #alive(): void {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This program has been disposed.", { remedy: "Prepare the plan again." });
  }

  #range(chunk: number): [number, number] {
    const { batch, heads } = this.plan.geometry;
    const first = chunk * this.#chunk;
    return [first, Math.min(this.#chunk, batch * heads - first)];
  }

  #chunks(each: (first: number, heads: number) => void): void {
    const { batch, heads } = this.plan.geometry;
    for (let chunk = 0; chunk * this.#chunk < batch * heads; chunk++) each(...this.#range(chunk));
  }

  #launch(first: number, heads: number, bindings: Bindings | undefined, stream: Handle, done?: () => void): void {
    const { device, plan } = this;
    const site = siteOf(device.capability, plan, first, heads, this.#scratch, (launch) =>
      bindings ? device.launch(stream, launch) : device.load(launch),
    );
    launchPlan(site, plan, (name) => this.#place(name, bindings), done);
  }

  #place(name: string, bindings: Bindings | undefined): Placed {
    if (this.plan.tensors[name].role === "constant")
      return { pointer: this.#constants.get(name) as Handle, native: false };
    return {
      pointer: bindings ? this.#bound(name, bindings[name]) : 0n,
      native: bindings?.[name]?.dtype === "u16",
    };
  }

  #bound(name: string, tensor: Tensor | undefined): Handle {
    if (tensor instanceof CudaTensor && tensor.device === this.device) return tensor.pointer;
    throw new TypeError(`bindings.${name} must be a tensor of this backend`);
  }

  #uploadConstants(): void {
    for (const [name, { data }] of Object.entries(this.plan.constants)) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const pointer = this.device.allocator.allocate(bytes.length, `constant "${name}"`);
      this.#constants.set(name, pointer);
      this.device.driver.copyToDevice(pointer, bytes, this.device.stream);
    }
    this.device.driver.synchronizeStream(this.device.stream);
  }

  #report(begin: Handle, ends: readonly (readonly Handle[])[]): RunReport {
    const { driver } = this.device;
    const ms = this.plan.steps.map(() => 0);
    let last = begin;
    for (const marks of ends)
      for (const [i, mark] of marks.entries()) {
        ms[i] += driver.elapsed(last, mark);
        last = mark;
      }
    const steps: StepTiming[] = this.plan.steps.map(({ step }, i) => ({ op: step.op, ms: ms[i] }));
    return { ms: driver.elapsed(begin, last), steps };
  }
}

export function checkPlan(plan: Plan): void {
  if (plan.geometry.scale > 0) return;
  throw new SpaAttnError("Unsupported", `The CUDA kernels need a positive softmax scale, got ${plan.geometry.scale}.`, {
    remedy: "Negate the queries instead, or use another backend.",
  });
}
