/** The device's own speed: f32 fused multiply-adds that touch nothing but registers. */

const CHAINS = 8;
const THREADS = 128;

const chain = (each: (i: number) => string) => Array.from({ length: CHAINS }, (_, i) => each(i)).join(" ");

const code = `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(1) var<uniform> loops: vec4u;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = vec4f(0.999 + f32(id.x % 7u) * 1e-6);
  ${chain((i) => `var a${i} = vec4f(${i}.5) + x;`)}
  for (var i = 0u; i < loops.x; i++) {
    ${chain((i) => `a${i} = fma(a${i}, x, x);`)}
    ${chain((i) => `a${i} = fma(a${i}, x, x);`)}
  }
  let sum = ${Array.from({ length: CHAINS }, (_, i) => `a${i}`).join(" + ")};
  // Never true, but the compiler cannot know.
  if (sum.x == 12345.678) { out[id.x % 4u] = sum; }
}`;

/** Floating-point operations per second, the best of several runs. */
export async function measurePeak(device: GPUDevice, software: boolean): Promise<number> {
  const groups = software ? 64 : 4096;
  const loops = software ? 512 : 4096;
  const usage = GPUBufferUsage;
  const out = device.createBuffer({ size: 64, usage: usage.STORAGE });
  const uniform = device.createBuffer({ size: 16, usage: usage.UNIFORM | usage.COPY_DST });
  device.queue.writeBuffer(uniform, 0, new Uint32Array([loops, 0, 0, 0]));
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }) },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: { buffer: out } },
      { binding: 1, resource: { buffer: uniform } },
    ],
  });
  const flops = groups * THREADS * loops * CHAINS * 2 * 4 * 2;
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 6; run++) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(groups);
    pass.end();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    if (run > 0) best = Math.min(best, performance.now() - start);
  }
  out.destroy();
  uniform.destroy();
  return (flops / best) * 1000;
}
