import { type Kernel, withConstantBounds } from "./kernel.js";

export interface Pipeline {
  readonly compute: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiled kernels, kept for the life of the device: the same source is compiled once. */
export class Pipelines {
  readonly #compiled = new Map<string, Promise<Pipeline>>();

  constructor(
    readonly device: GPUDevice,
    readonly software: boolean,
  ) {}

  get size(): number {
    return this.#compiled.size;
  }

  get(kernel: Kernel): Promise<Pipeline> {
    const known = this.#compiled.get(kernel.code);
    if (known) return known;
    const pipeline = this.#compile(kernel);
    this.#compiled.set(kernel.code, pipeline);
    pipeline.catch(() => this.#compiled.delete(kernel.code));
    return pipeline;
  }

  async #compile({ name, code, slots }: Kernel): Promise<Pipeline> {
    const { device } = this;
    const layout = device.createBindGroupLayout({
      label: name,
      entries: [
        { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform" } },
        ...slots.map(({ access }, i) => ({
          binding: i + 1,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === "read" ? ("read-only-storage" as const) : ("storage" as const) },
        })),
      ],
    });
    const module = device.createShaderModule({ label: name, code: this.software ? code : withConstantBounds(code) });
    const compute = await device.createComputePipelineAsync({
      label: name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    return { compute, layout };
  }
}
