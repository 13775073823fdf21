// Operations of networks against what the device can do: products against its FMA peak, the others against a plain copy.
import type { WebGpuBackend } from "@spaattn/backend-webgpu";
import { byteLength, type DType, type FloatDType, HostTensor, type Plan, type Tensor, type Value } from "@spaattn/core";
import { Builder } from "@spaattn/nn";

export interface NetworkRow {
  readonly name: string;
  readonly dtype: FloatDType;
  readonly kernel: string;
  readonly ms: number;
  /** Of the FMA peak for products, of the copy bandwidth for the others. */
  readonly share: number;
  /** GFLOP/s, or GB/s. */
  readonly rate: number;
  readonly of: "FMA peak" | "copy";
}

interface Setting {
  readonly name: string;
  readonly of: NetworkRow["of"];
  readonly record: (g: Builder) => Value;
}

const stream = (g: Builder, shape: readonly number[], name = "x") => g.input(name, g.dtype, shape);

/** What is measured; software drivers get shapes they can finish. */
function settings(software: boolean): Setting[] {
  const [m, k, n] = software ? [256, 256, 256] : [4096, 4096, 4096];
  const [tokens, width] = software ? [256, 1024] : [16_384, 5120];
  const linear = (name: string, rows: number, columns: number, depth: number, activated = false): Setting => ({
    name: `linear ${name} [${rows}, ${depth}] x [${depth}, ${columns}]`,
    of: "FMA peak",
    record: (g) =>
      g.linear(
        stream(g, [1, rows, depth]),
        g.linearWeights("w", columns, depth),
        activated ? { activation: "gelu-tanh" } : {},
      ),
  });
  const conv = (channels: number, size: number): Setting => ({
    name: `conv 3x3x3, ${channels} channels, [5, ${size}, ${size}]`,
    of: "FMA peak",
    record: (g) => {
      const x = stream(g, [1, 5, size, size, channels]);
      return g.conv(x, { weight: g.weight("w", [channels, channels, 3, 3, 3]), front: 2, padding: 1 });
    },
  });
  const rows = (name: string, record: (g: Builder, x: Value) => Value): Setting => ({
    name: `${name} [${tokens}, ${width}]`,
    of: "copy",
    record: (g) => record(g, stream(g, [1, tokens, width])),
  });
  return [
    linear("square", m, n, k),
    linear("wide", m, 3 * n, k, true),
    linear("odd", m - 1, n - 3, k - 1),
    conv(software ? 16 : 192, software ? 16 : 128),
    rows("unary silu", (g, x) => g.unary("silu", x)),
    rows("binary add", (g, x) => g.add(x, stream(g, [1, tokens, width], "b"))),
    rows("norm layer, modulated", (g, x) => {
      const by = (name: string) => stream(g, [1, 1, width], name);
      return g.norm(x, { kind: "layer", eps: 1e-6, shift: by("shift"), scale: by("scale") });
    }),
    rows("norm rms, weight", (g, x) => g.norm(x, { kind: "rms", eps: 1e-6, weight: g.weight("w", [width]) })),
    rows("heads rms, rotary", (g, x) => {
      const [half, count] = [64, width / 128];
      const table = (name: string) => g.input(name, "f32", [tokens, half]);
      const norm = { kind: "rms", across: true, eps: 1e-6, weight: g.weight("w", [width]) } as const;
      return g.heads(x, { heads: count, norm, rotary: { kind: "interleaved", cos: table("cos"), sin: table("sin") } });
    }),
  ];
}

/** Numbers around 1, drawn once and repeated. */
function fill(dtype: DType, shape: readonly number[]): HostTensor {
  const values = new HostTensor("f32", [4093]);
  for (let i = 0; i < 4093; i++) values.data[i] = Math.sin(i * 12.9898) * 0.5;
  const part = values.to(dtype).data as Float32Array;
  const tensor = new HostTensor(dtype, shape);
  const data = tensor.data as Float32Array;
  for (let at = 0; at < data.length; at += part.length) data.set(part.subarray(0, data.length - at), at);
  return tensor;
}

const AIM_MS = 60;

/** Milliseconds of one call, by the host's clock, the best of a few rows of calls in one submission each. */
async function bestOf(
  device: GPUDevice,
  software: boolean,
  encode: (encoder: GPUCommandEncoder) => void,
): Promise<number> {
  const inRow = async (count: number) => {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < count; i++) encode(encoder);
    const commands = encoder.finish();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / count;
  };
  const once = await inRow(1);
  if (software) return Math.min(once, await inRow(1));
  let best = await inRow(8);
  const count = Math.max(4, Math.min(200, Math.ceil(AIM_MS / best)));
  for (let i = 0; i < 5; i++) best = Math.min(best, await inRow(count));
  return best;
}

/** Bytes per second, read and written, of a kernel that does nothing but copy. */
export async function measureCopy(backend: WebGpuBackend): Promise<number> {
  const { gpuDevice: device } = backend;
  const { software } = backend.device;
  const words = software ? 2 ** 20 : 2 ** 25;
  const [from, to] = [0, 1].map(() => device.createBuffer({ size: 4 * words, usage: GPUBufferUsage.STORAGE }));
  const code = `@group(0) @binding(0) var<storage, read> a: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> b: array<vec4u>;
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) n: vec3u) {
  let i = id.y * n.x * 256u + id.x;
  b[i] = a[i];
}`;
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const entries = [from, to].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const groups = words / 4 / 256;
  const wide = Math.min(groups, 32_768);
  const ms = await bestOf(device, software, (encoder) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(wide, groups / wide);
    pass.end();
  });
  from.destroy();
  to.destroy();
  return (8 * words) / ms / 1e-3;
}

/** Every setting in every dtype; `peak` in FLOP/s and `copy` in bytes/s of the same run. */
export async function* measureNetwork(
  backend: WebGpuBackend,
  dtypes: readonly FloatDType[],
  peak: number,
  copy: number,
): AsyncGenerator<NetworkRow> {
  for (const { name, of, record } of settings(backend.device.software))
    for (const dtype of dtypes) {
      const g = new Builder({ dtype, weightDtype: dtype });
      g.output("out", record(g));
      const plan = g.build();
      const program = await backend.compile(plan);
      const tensors = bind(backend, plan);
      try {
        const ms = await bestOf(backend.gpuDevice, backend.device.software, (encoder) =>
          program.encode!(encoder, tensors),
        );
        const { flop, bytes } = plan.operations[0].cost;
        const rate = (of === "copy" ? bytes : flop) / ms / 1e-3;
        const { kernel, reason } = program.describe()[0];
        const share = rate / (of === "copy" ? copy : peak);
        yield { name, dtype, kernel: `${kernel}: ${reason}`, ms, share, rate: rate / 1e9, of };
      } finally {
        program.dispose();
        for (const tensor of Object.values(tensors)) tensor.dispose();
      }
    }
}

function bind(backend: WebGpuBackend, plan: Plan): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { role, view, dtype, shape }] of Object.entries(plan.values)) {
    if (view || role === "temporary" || role === "constant") continue;
    tensors[name] =
      byteLength({ dtype, shape }) && role !== "output"
        ? backend.upload(fill(dtype, shape))
        : backend.allocate(dtype, shape);
  }
  return tensors;
}
