import { createAttention, hostPolicy, topBlocks } from "@spaattn/attention";
import type { WebGpuBackend } from "@spaattn/backend-webgpu";
import { HostTensor, type Plan, type Program, type Tensor } from "@spaattn/core";
import { Builder, unary } from "@spaattn/nn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noise } from "./noise.js";
import { available, closeAll, open } from "./support.js";

afterAll(closeAll);

const f32 = (shape: readonly number[], seed: number) =>
  new HostTensor(
    "f32",
    shape,
    noise(
      shape.reduce((product, size) => product * size, 1),
      seed,
    ),
  );

const read = async (tensor: Tensor) => (await tensor.read()).toFloat32();

describe.skipIf(!available)("programs of plans", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await open();
  });

  const compiled = async (record: (g: Builder) => void): Promise<{ plan: Plan; program: Program }> => {
    const g = new Builder();
    record(g);
    const plan = g.build();
    return { plan, program: await backend.compile(plan) };
  };

  /** Ten additions of 1 through temporaries. */
  const counting = () =>
    compiled((g) => {
      let x = g.input("x", "f32", [1, 3, 5]);
      for (let i = 0; i < 10; i++) x = g.segment(`step ${i}`, () => g.unary("affine", x, { a: 1, b: 1 }));
      g.output("y", x);
    });

  it("runs that overlap queue, also with recordings in flight", async () => {
    const { program } = await counting();
    const inputs = [1, 2, 3, 4].map((seed) => backend.upload(f32([1, 3, 5], seed)));
    const outputs = inputs.map(() => backend.allocate("f32", [1, 3, 5]));
    const io = (i: number) => ({ x: inputs[i], y: outputs[i] });
    const encoder = backend.gpuDevice.createCommandEncoder();
    program.encode!(encoder, io(3));
    const runs = [0, 1, 2].map((i) => program.run(io(i)));
    await Promise.resolve();
    backend.gpuDevice.queue.submit([encoder.finish()]);
    await Promise.all(runs);
    for (const [i, output] of outputs.entries())
      expect(await read(output)).toEqual(noise(15, i + 1).map((x) => Math.fround(ten(x))));
    program.dispose();
    for (const tensor of [...inputs, ...outputs]) tensor.dispose();
    expect(backend.device.memory.live).toBe(0);
  });

  const ten = (x: number) => {
    let sum = x;
    for (let i = 0; i < 10; i++) sum = Math.fround(sum + 1);
    return sum;
  };

  it("reports segments in order, asks for weights in time, and can be cancelled", async () => {
    const { program } = await compiled((g) => {
      let x = g.input("x", "f32", [1, 2, 4]);
      for (const name of ["first", "second"])
        x = g.segment(name, () => g.linear(x, g.linearWeights(name, 4, 4, { bias: false })));
      g.output("y", x);
    });
    const identity = new HostTensor("f32", [4, 4]);
    for (let i = 0; i < 4; i++) identity.data[5 * i] = 2;
    const weight = backend.upload(identity);
    const [x, y] = [backend.upload(f32([1, 2, 4], 9)), backend.allocate("f32", [1, 2, 4])];
    const asked: string[] = [];
    const stages: string[] = [];
    const weightsOf = async (segment: string, names: readonly string[]) => {
      asked.push(`${segment}: ${names.join()}`);
      return { [names[0]]: weight };
    };
    await program.run({ x, y }, { weightsOf, onProgress: (done, stage) => stages.push(`${done < 1} ${stage}`) });
    expect(asked).toEqual(["first: first.weight", "second: second.weight"]);
    expect(stages).toEqual(["true first", "true second"]);
    expect(await read(y)).toEqual(noise(8, 9).map((v) => 4 * v));
    await expect(program.run({ x, y })).rejects.toThrow(/io\.first\.weight is missing/);
    const controller = new AbortController();
    const cancelled = program.run(
      { x, y },
      {
        weightsOf: (s, n) => {
          controller.abort();
          return weightsOf(s, n);
        },
        signal: controller.signal,
      },
    );
    await expect(cancelled).rejects.toMatchObject({ code: "Aborted" });
    program.dispose();
    for (const tensor of [weight, x, y]) tensor.dispose();
  }, 60_000);

  it("names what is wrong with bindings", async () => {
    const { program } = await counting();
    const [x, y] = [backend.allocate("f32", [1, 3, 5]), backend.allocate("f32", [1, 3, 5])];
    await expect(program.run({ x })).rejects.toThrow(/io\.y is missing/);
    await expect(program.run({ x: f32([1, 3, 5], 1), y })).rejects.toThrow(/io\.x must be a tensor of this device/);
    const narrow = backend.allocate("f32", [1, 3, 4]);
    await expect(program.run({ x: narrow, y })).rejects.toThrow(/io\.x must have shape \[1, 3, 5\], got \[1, 3, 4\]/);
    const half = backend.allocate("f16", [1, 3, 5]);
    await expect(program.run({ x: half, y })).rejects.toThrow(/io\.x must be f32, got f16/);
    x.dispose();
    await expect(program.run({ x, y })).rejects.toMatchObject({ code: "Disposed" });
    program.dispose();
    await expect(program.run({ x, y })).rejects.toMatchObject({ code: "Disposed" });
    for (const tensor of [y, narrow, half]) tensor.dispose();
  });

  it("rejects runs under way when it is disposed, and when a tensor is", async () => {
    const { program } = await counting();
    const bind = () => ({ x: backend.upload(f32([1, 3, 5], 1)), y: backend.allocate("f32", [1, 3, 5]) });
    const [first, second, third] = [bind(), bind(), bind()];
    const running = program.run(first);
    first.x.dispose();
    await expect(running).rejects.toMatchObject({ code: "Disposed" });
    // The queue goes on behind a run that failed.
    await program.run(second);
    const runs = [program.run(second), program.run(third)];
    program.dispose();
    for (const run of runs) await expect(run).rejects.toMatchObject({ code: "Disposed" });
    for (const { x, y } of [first, second, third]) for (const tensor of [x, y]) tensor.dispose();
    expect(backend.device.memory.live).toBe(0);
  });

  it("a recording works after its program is disposed", async () => {
    const { program } = await counting();
    const [x, y] = [backend.upload(f32([1, 3, 5], 3)), backend.allocate("f32", [1, 3, 5])];
    const encoder = backend.gpuDevice.createCommandEncoder();
    program.encode!(encoder, { x, y });
    program.dispose();
    backend.gpuDevice.queue.submit([encoder.finish()]);
    expect(await read(y)).toEqual(noise(15, 3).map(ten));
    for (const tensor of [x, y]) tensor.dispose();
  });

  it("reads and writes parts of one state, wherever they begin", async () => {
    const { program } = await compiled((g) => {
      const state = g.state("s", "bf16", [11]);
      // In place, beginning in the middle of a word, over a part that overlaps.
      g.assign(g.view(state, [5], 3), g.unary("affine", g.view(state, [5], 2), { a: 1, b: 1 }));
      g.record(unary, { kind: "none", dtype: "bf16" }, { x: g.view(state, [3], 0) }, { y: g.view(state, [3], 1) });
    });
    const values = Float32Array.from({ length: 11 }, (_, i) => i);
    const state = backend.upload(new HostTensor("f32", [11], values).to("bf16"));
    await program.run({ s: state });
    expect([...(await read(state))]).toEqual([0, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10]);
    program.dispose();
    state.dispose();
  });

  it("writes tensors from pieces of any size, and copies them", async () => {
    const tensor = backend.allocate("f16", [7]);
    const bytes = Uint8Array.from({ length: 14 }, (_, i) => 3 * i);
    const pieces = (sizes: readonly number[]) => {
      let at = 0;
      return sizes.map((size) => bytes.subarray(at, (at += size)));
    };
    await backend.write(tensor, pieces([1, 0, 6, 2, 5]));
    const raw = async (of: Tensor) => [...new Uint8Array((await of.read()).data.buffer)];
    expect(await raw(tensor)).toEqual([...bytes]);
    await expect(backend.write(tensor, pieces([13]))).rejects.toThrow(/source has 13 bytes.* needs 14/);
    await expect(backend.write(tensor, [bytes, bytes])).rejects.toThrow(/more than the 14 bytes/);
    await backend.write(tensor, [bytes]);
    const other = backend.allocate("f16", [7, 1]);
    await backend.copy(tensor, other);
    expect(await raw(other)).toEqual([...bytes]);
    await expect(backend.copy(tensor, backend.allocate("f16", [8]))).rejects.toThrow(/tensors must match/);
    const shared = backend.gpuDevice.createBuffer({ size: 768, usage: 0x80 | 0x8 | 0x4 });
    const at = (offset: number) => backend.wrap(shared, { dtype: "f16", shape: [7], offset });
    await backend.write(at(0), [bytes]);
    await backend.copy(at(0), at(512));
    expect(await raw(at(512))).toEqual([...bytes]);
  });

  it("refuses what does not fit, before anything runs", async () => {
    const wide = new Builder();
    wide.output("y", wide.unary("exp", wide.unary("exp", wide.input("x", "f32", [1, 1 << 20]))));
    await expect(backend.compile(wide.build(), { memoryLimit: 1000 })).rejects.toMatchObject({ code: "OutOfMemory" });
    const large = new Builder();
    large.output("y", large.unary("exp", large.input("x", "f32", [1 << 20, 1 << 16])));
    await expect(backend.compile(large.build())).rejects.toMatchObject({ code: "OutOfMemory" });
    const doubles = new Builder();
    doubles.output("y", doubles.unary("exp", doubles.input("x", "f64", [4])));
    await expect(backend.compile(doubles.build())).rejects.toMatchObject({
      code: "Unsupported",
      message: expect.stringMatching(/operation 0, "unary": x is f64/),
    });
  });

  it("gives the same where weights, tables and streams are bound in windows, and products in pieces", async () => {
    const g = new Builder();
    const x = g.embed(g.input("ids", "i32", [1, 150]), g.weight("table", [1000, 256]));
    g.output("y", g.linear(x, g.linearWeights("w", 256, 256), { residual: x }));
    const plan = g.build();
    const ids = new HostTensor(
      "i32",
      [1, 150],
      Int32Array.from({ length: 150 }, (_, i) => (i * 37) % 1000),
    );
    const host = { ids, table: f32([1000, 256], 1), "w.weight": f32([256, 256], 2), "w.bias": f32([256], 3) };
    const results = [];
    for (const narrow of [false, true]) {
      const on = await open(narrow ? { maxDispatchFlops: 9e6 } : {});
      // Devices have no less than 128 MiB: this one says it has less.
      const limits = new Proxy(on.device.limits, {
        get: (target, name) => (name === "maxStorageBufferBindingSize" ? 200_000 : Reflect.get(target, name, target)),
      });
      if (narrow) Object.defineProperty(on.device, "limits", { value: limits });
      const program = await on.compile(plan);
      const y = on.allocate("f32", [1, 150, 256]);
      const tensors = Object.fromEntries(Object.entries(host).map(([name, tensor]) => [name, on.upload(tensor)]));
      await program.run({ ...tensors, y });
      results.push(await read(y));
    }
    expect(results[1]).toEqual(results[0]);
  }, 120_000);

  it("takes large tiles for large products, with the workgroup memory there is", async () => {
    const [m, n, k] = [129, 10_240, 20];
    const whole = (length: number, seed: number) => noise(length, seed).map((value) => Math.round(2 * value));
    const [x, w] = [whole(m * k, 1), whole(n * k, 2)];
    const g = new Builder();
    g.output("y", g.linear(g.input("x", "f32", [1, m, k]), g.linearWeights("w", n, k, { bias: false })));
    for (const defaultLimits of [false, true]) {
      const on = await open({ defaultLimits });
      const program = await on.compile(g.build());
      expect(program.describe()[0].kernel).toBe("linear.tile");
      const y = on.allocate("f32", [1, m, n]);
      const tensors = { x: new HostTensor("f32", [1, m, k], x), "w.weight": new HostTensor("f32", [n, k], w) };
      await program.run({ x: on.upload(tensors.x), "w.weight": on.upload(tensors["w.weight"]), y });
      const got = await read(y);
      let wrong = 0;
      for (let row = 0; row < m; row++)
        for (let column = 0; column < n; column++) {
          let sum = 0;
          for (let i = 0; i < k; i++) sum += x[row * k + i] * w[column * k + i];
          if (got[row * n + column] !== sum) wrong++;
        }
      expect(wrong).toBe(0);
    }
  }, 120_000);

  it("attention runs that overlap queue, with a host policy too", async () => {
    const spec = { heads: 1, headDim: 64, visualTokens: 256, blockSize: 64 } as const;
    for (const policy of [topBlocks({ dropRate: 0.5 }), hostPolicy(({ block }) => [block])]) {
      const attention = await createAttention(backend, { ...spec, policy });
      const inputs = (seed: number) => ({
        query: f32([1, 1, 256, 64], seed),
        key: f32([1, 1, 256, 64], seed + 1),
        value: f32([1, 1, 256, 64], seed + 2),
      });
      const alone = [];
      for (const seed of [1, 5]) alone.push(await read((await attention.run(inputs(seed))).output));
      const both = await Promise.all([attention.run(inputs(1)), attention.run(inputs(5))]);
      for (const [i, { output }] of both.entries()) expect(await read(output)).toEqual(alone[i]);
      attention.dispose();
    }
  }, 120_000);

  it("refuses more heads than parameters have room for", async () => {
    const spec = { headDim: 16, visualTokens: 1, dense: true } as const;
    await expect(createAttention(backend, { ...spec, batch: 70_000, heads: 1 })).rejects.toMatchObject({
      code: "Unsupported",
    });
    // More heads than a dimension of a grid has take turns; a device that says it has few stands in for one with many heads.
    const narrow = await open();
    const limits = new Proxy(narrow.device.limits, {
      get: (target, name) => (name === "maxComputeWorkgroupsPerDimension" ? 4 : Reflect.get(target, name, target)),
    });
    Object.defineProperty(narrow.device, "limits", { value: limits });
    const many = await createAttention(narrow, { ...spec, heads: 6 });
    const value = f32([1, 6, 1, 16], 1);
    const { output } = await many.run({ query: value, key: value, value });
    expect(await read(output)).toEqual(value.data);
    many.dispose();
  }, 60_000);
});
