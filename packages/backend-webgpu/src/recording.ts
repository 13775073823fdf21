import type { Device } from "./device.js";
import { paramBytes, writeParams } from "./kernel.js";
import type { Command, Lowering } from "./lowering.js";
import type { Pipeline } from "./pipelines.js";
import type { GpuTensor } from "./tensor.js";

export type Resolve = (role: string) => GpuTensor;

interface Ready {
  readonly command: Command;
  readonly pipeline: Pipeline;
  readonly paramsAt: number;
  /** The bind group of the last run, kept while the same buffers come again. */
  group?: GPUBindGroup;
  buffers?: readonly GPUBuffer[];
  offsets?: readonly number[];
}

/** Scratch buffers shared by steps that follow each other: buffer `i` is as large as the largest `i`-th of any step. */
export class Scratch {
  readonly #sizes: number[] = [];
  #buffers: GPUBuffer[] = [];

  /** Reserves memory for one step; returns which buffer each name gets. */
  reserve(needs: ReadonlyMap<string, number>): Map<string, number> {
    const bySize = [...needs].sort((a, b) => b[1] - a[1]);
    bySize.forEach(([, bytes], i) => {
      this.#sizes[i] = Math.max(this.#sizes[i] ?? 0, bytes);
    });
    return new Map(bySize.map(([name], i) => [name, i]));
  }

  allocate(device: Device): void {
    this.#buffers = this.#sizes.map((bytes, i) => device.memory.create(`scratch ${i}`, bytes, GPUBufferUsage.STORAGE));
  }

  buffer(index: number): GPUBuffer {
    return this.#buffers[index];
  }

  dispose({ memory }: Device): void {
    for (const buffer of this.#buffers) memory.destroy(buffer);
    this.#buffers = [];
  }

  /** Leaves the memory to the commands that were recorded. */
  leave({ memory }: Device): void {
    for (const buffer of this.#buffers) memory.leave(buffer);
    this.#buffers = [];
  }
}

/** The dispatches of one step with everything compiled; records into any pass. */
export class Recording {
  readonly #ready: Ready[];
  #params: GPUBuffer | undefined;

  private constructor(
    readonly device: Device,
    readonly lowering: Lowering,
    readonly scratch: Scratch,
    readonly slots: Map<string, number>,
    pipelines: readonly Pipeline[],
  ) {
    const { commands } = lowering;
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    let size = 0;
    this.#ready = commands.map((command, i) => {
      const paramsAt = size;
      size += Math.ceil(paramBytes(command.kernel) / alignment) * alignment;
      return { command, pipeline: pipelines[i], paramsAt };
    });
    const view = new DataView(new ArrayBuffer(size));
    for (const { command, paramsAt } of this.#ready) writeParams(command.kernel, command.params, view, paramsAt);
    if (size > 0)
      this.#params = device.memory.create(
        `${lowering.op} parameters`,
        size,
        GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
        view,
      );
  }

  /** Compiles the kernels of a step. `scratch` gets its reservation now and its memory from the caller, later. */
  static async prepare(device: Device, lowering: Lowering, scratch: Scratch): Promise<Recording> {
    const pipelines = await Promise.all(lowering.commands.map(({ kernel }) => device.pipelines.get(kernel)));
    return new Recording(device, lowering, scratch, scratch.reserve(lowering.scratch), pipelines);
  }

  get commands(): readonly Command[] {
    return this.lowering.commands;
  }

  /** Records dispatches `first` to `end` (exclusive). */
  record(pass: GPUComputePassEncoder, resolve: Resolve, first = 0, end = this.#ready.length): void {
    for (const ready of this.#ready.slice(first, end)) {
      pass.setPipeline(ready.pipeline.compute);
      pass.setBindGroup(0, this.#group(ready, resolve));
      pass.dispatchWorkgroups(...ready.command.grid);
    }
  }

  dispose(): void {
    if (this.#params) this.device.memory.destroy(this.#params);
    this.#params = undefined;
  }

  /** Leaves the parameters to the commands that were recorded. */
  leave(): void {
    if (this.#params) this.device.memory.leave(this.#params);
    this.#params = undefined;
  }

  #group(ready: Ready, resolve: Resolve): GPUBindGroup {
    const { command, pipeline, paramsAt } = ready;
    const places = command.operands.map(({ tensor }) => {
      const slot = this.slots.get(tensor);
      return slot === undefined ? resolve(tensor) : { buffer: this.scratch.buffer(slot), offset: 0 };
    });
    const same = places.every((place, i) => ready.buffers?.[i] === place.buffer && ready.offsets?.[i] === place.offset);
    if (ready.group && same) return ready.group;
    checkSharing(
      command,
      places.map(({ buffer }) => buffer),
    );
    ready.buffers = places.map(({ buffer }) => buffer);
    ready.offsets = places.map(({ offset }) => offset);
    ready.group = this.device.gpu.createBindGroup({
      label: command.kernel.name,
      layout: pipeline.layout,
      entries: [
        { binding: 0, resource: { buffer: this.#params!, offset: paramsAt, size: paramBytes(command.kernel) } },
        ...command.operands.map(({ offset, size }, i) => ({
          binding: i + 1,
          resource: { buffer: places[i].buffer, offset: places[i].offset + offset, size },
        })),
      ],
    });
    return ready.group;
  }
}

/** WebGPU lets a dispatch write to a buffer only when it binds that buffer once. */
function checkSharing(command: Command, buffers: readonly GPUBuffer[]): void {
  command.kernel.slots.forEach(({ access }, i) => {
    if (access === "read") return;
    const other = buffers.findIndex((buffer, j) => j !== i && buffer === buffers[i]);
    if (other >= 0)
      throw new TypeError(
        `io.${command.operands[i].tensor} must not share its GPUBuffer with io.${command.operands[other].tensor}`,
      );
  });
}
