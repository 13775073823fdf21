import { SpaAttnError } from "@spaattn/core";
import type { PlacedCommand } from "./compile.js";
import type { Device } from "./device.js";
import { paramBytes, writeParams } from "./kernel.js";
import type { Pipeline } from "./pipelines.js";

/** Where a tensor, or memory of the program's own, lies. */
export interface Where {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}
export type Resolve = (name: string) => Where;

/** Bind groups of the last run, kept while the same buffers come again. */
export type Groups = { group: GPUBindGroup; places: readonly Where[] }[];

/** Dispatches with everything compiled that can be known once; records into any pass. */
export class Recording {
  #params: GPUBuffer | undefined;

  private constructor(
    readonly device: Device,
    readonly commands: readonly PlacedCommand[],
    readonly pipelines: readonly Pipeline[],
    readonly paramsAt: readonly number[],
    params: GPUBuffer,
  ) {
    this.#params = params;
  }

  /** Compiles the kernels and writes the parameters of all dispatches, once. */
  static async prepare(device: Device, commands: readonly PlacedCommand[]): Promise<Recording> {
    const { minUniformBufferOffsetAlignment: alignment, maxUniformBufferBindingSize: most } = device.limits;
    let size = 0;
    const paramsAt = commands.map(({ kernel }) => {
      const bytes = paramBytes(kernel);
      if (bytes > most) throw tooManyParameters(kernel.name, bytes, most);
      const at = size;
      size += Math.ceil(bytes / alignment) * alignment;
      return at;
    });
    const pipelines = await Promise.all(commands.map(({ kernel }) => device.pipelines.get(kernel)));
    const view = new DataView(new ArrayBuffer(size));
    commands.forEach(({ kernel, params }, i) => {
      writeParams(kernel, params, view, paramsAt[i]);
    });
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    return new Recording(device, commands, pipelines, paramsAt, device.memory.create("parameters", size, usage, view));
  }

  /** Records dispatches `first` to `end` (exclusive). */
  record(pass: GPUComputePassEncoder, groups: Groups, resolve: Resolve, first = 0, end = this.commands.length): void {
    for (let i = first; i < end; i++) {
      pass.setPipeline(this.pipelines[i].compute);
      pass.setBindGroup(0, this.#group(i, groups, resolve));
      pass.dispatchWorkgroups(...this.commands[i].grid);
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

  #group(i: number, groups: Groups, resolve: Resolve): GPUBindGroup {
    const command = this.commands[i];
    const places = command.operands.map(({ tensor }) => resolve(tensor));
    const known = groups[i];
    if (known?.places.every(({ buffer, offset }, j) => buffer === places[j].buffer && offset === places[j].offset))
      return known.group;
    checkSharing(command, places);
    const group = this.device.gpu.createBindGroup({
      label: command.kernel.name,
      layout: this.pipelines[i].layout,
      entries: [
        {
          binding: 0,
          resource: { buffer: this.#params!, offset: this.paramsAt[i], size: paramBytes(command.kernel) },
        },
        ...command.operands.map(({ offset, size }, j) => ({
          binding: j + 1,
          resource: { buffer: places[j].buffer, offset: places[j].offset + offset, size },
        })),
      ],
    });
    groups[i] = { group, places: places.map(({ buffer, offset }) => ({ buffer, offset })) };
    return group;
  }
}

const tooManyParameters = (kernel: string, bytes: number, most: number) =>
  new SpaAttnError(
    "Unsupported",
    `${kernel} needs ${bytes} bytes of parameters (some per head or batch item), this device has ${most} for one dispatch.`,
    { remedy: "Use fewer heads or batch items per call." },
  );

/** WebGPU lets a dispatch write to a buffer only when it binds that buffer once. */
function checkSharing(command: PlacedCommand, places: readonly Where[]): void {
  command.kernel.slots.forEach(({ access }, i) => {
    if (access === "read") return;
    const other = places.findIndex(({ buffer }, j) => j !== i && buffer === places[i].buffer);
    if (other >= 0)
      throw new TypeError(
        `io.${command.operands[i].tensor} must not share its GPUBuffer with io.${command.operands[other].tensor}`,
      );
  });
}
