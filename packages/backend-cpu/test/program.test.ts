import { cpu } from "@spaattn/backend-cpu";
import { type Bindings, type Device, HostTensor, type Plan } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import { reference } from "@spaattn/reference";
import { afterEach, describe, expect, it } from "vitest";

const made: Device[] = [];
const create = async (options: Parameters<typeof cpu.create>[0] = {}) => {
  const device = await cpu.create({ kernel: "simd", threads: 1, ...options });
  made.push(device);
  return device;
};
afterEach(() => {
  for (const device of made.splice(0)) device.dispose();
});

function noise(shape: readonly number[], seed: number, size = 1): HostTensor<"f32"> {
  const tensor = new HostTensor("f32", shape);
  let state = seed;
  for (let i = 0; i < tensor.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    tensor.data[i] = (size * state) / 2 ** 31;
  }
  return tensor;
}

const LAYERS = 4;
const WIDTH = 256;

/** A chain of linear layers, each a segment with 256 KB of weights. */
function chain(rows = 40): Plan {
  const g = new Builder();
  let x = g.input("x", "f32", [1, rows, WIDTH]);
  for (let i = 0; i < LAYERS; i++)
    x = g.segment(`layer ${i}`, () =>
      g.linear(x, g.linearWeights(`layers.${i}`, WIDTH, WIDTH), { activation: "tanh" }),
    );
  g.output("y", x);
  return g.build();
}

const weightsOf = (plan: Plan): Record<string, HostTensor> =>
  Object.fromEntries(
    Object.entries(plan.values)
      .filter(([, { role }]) => role === "weight")
      .map(([name, { shape }], i) => [name, noise(shape, 100 + i, 0.1)]),
  );

const io = (rows = 40, seed = 1) => ({ x: noise([1, rows, WIDTH], seed), y: new HostTensor("f32", [1, rows, WIDTH]) });

async function expected(plan: Plan, bindings: Bindings): Promise<Float32Array> {
  const oracle = await reference.create();
  const y = new HostTensor("f32", plan.values.y.shape);
  const program = await oracle.compile!(plan);
  await program.run({ ...bindings, y });
  return y.data;
}

const worst = (got: Float32Array, want: Float32Array) =>
  got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i])), 0);

describe("memory", () => {
  it("lets weights give way to each other where they do not fit together", async () => {
    const plan = chain();
    const weights = weightsOf(plan);
    // One layer has 263 KB of weights, a run takes about 350 KB.
    const device = await create({ memoryLimit: 1.0e6 });
    const program = await device.compile(plan);
    for (const seed of [1, 2]) {
      const tensors = io(40, seed);
      await program.run({ ...weights, ...tensors });
      expect(worst(tensors.y.data, await expected(plan, { ...weights, ...tensors }))).toBeLessThan(1e-5);
    }
  });

  it("refuses what cannot fit, with the sizes named", async () => {
    const device = await create({ memoryLimit: 1e6 });
    await expect(device.compile(chain(4000))).rejects.toMatchObject({ code: "OutOfMemory", message: /MB/ });
  });

  it("is given back by programs that are disposed", async () => {
    const device = await create({ memoryLimit: 2.5e6 });
    for (let i = 0; i < 4; i++) {
      const plan = chain();
      const program = await device.compile(plan);
      await program.run({ ...weightsOf(plan), ...io() });
      program.dispose();
      await expect(program.run({ ...weightsOf(plan), ...io() })).rejects.toMatchObject({ code: "Disposed" });
    }
  });

  it("forgets what it knows of a weight that is written", async () => {
    const plan = chain();
    const device = await create();
    const weights = weightsOf(plan);
    const program = await device.compile(plan);
    await program.run({ ...weights, ...io() });
    const fresh = noise([WIDTH, WIDTH], 77, 0.1);
    await device.write(weights["layers.0.weight"], [new Uint8Array(fresh.data.buffer)]);
    const tensors = io();
    await program.run({ ...weights, ...tensors });
    expect(weights["layers.0.weight"].data).toEqual(fresh.data);
    expect(worst(tensors.y.data, await expected(plan, { ...weights, ...tensors }))).toBeLessThan(1e-5);
  });
});

describe.each([1, 2])("a run on %i threads", (threads) => {
  it("takes the weights of a segment when it comes to it", async () => {
    const plan = chain();
    const weights = weightsOf(plan);
    const device = await create({ threads });
    const program = await device.compile(plan);
    const asked: string[] = [];
    const tensors = io();
    await program.run(tensors, {
      weightsOf(segment, names) {
        asked.push(segment);
        return Object.fromEntries(names.map((name) => [name, weights[name]]));
      },
    });
    expect(asked).toEqual(["layer 0", "layer 1", "layer 2", "layer 3"]);
    expect(worst(tensors.y.data, await expected(plan, { ...weights, ...tensors }))).toBeLessThan(1e-5);
  });

  it("names its segments in progress that grows to 1", async () => {
    const plan = chain(3000);
    const program = await (await create({ threads })).compile(plan);
    const seen: [number, string][] = [];
    const report = await program.run({ ...weightsOf(plan), ...io(3000) }, { onProgress: (...told) => seen.push(told) });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every(([done], i) => done <= 1 && done >= (seen[i - 1]?.[0] ?? 0) - 1e-9)).toBe(true);
    expect(seen.every(([, stage]) => /^layer \d$/.test(stage))).toBe(true);
    expect(report.steps.map(({ op }) => op)).toEqual(["linear"]);
    expect(report.steps[0].ms).toBeGreaterThan(0);
  });

  it("rejects with what its progress throws, and runs again", async () => {
    const plan = chain(2000);
    const program = await (await create({ threads })).compile(plan);
    const bindings = { ...weightsOf(plan), ...io(2000) };
    const onProgress = () => {
      throw new Error("no more");
    };
    await expect(program.run(bindings, { onProgress })).rejects.toThrow("no more");
    await program.run(bindings);
    expect(worst(bindings.y.data as Float32Array, await expected(plan, bindings))).toBeLessThan(1e-5);
  });

  it("stops when cancelled", async () => {
    const plan = chain(20_000);
    const program = await (await create({ threads })).compile(plan);
    const controller = new AbortController();
    const running = program.run({ ...weightsOf(plan), ...io(20_000) }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await expect(running).rejects.toMatchObject({ code: "Aborted" });
  });

  it("queues behind another of the same program", async () => {
    const plan = chain(500);
    const weights = weightsOf(plan);
    const program = await (await create({ threads })).compile(plan);
    const all = [1, 2, 3].map((seed) => io(500, seed));
    await Promise.all(all.map((tensors) => program.run({ ...weights, ...tensors })));
    for (const tensors of all)
      expect(worst(tensors.y.data, await expected(plan, { ...weights, ...tensors }))).toBeLessThan(1e-5);
  });
});

describe("bad input", () => {
  it.each([
    ["missing", { x: undefined }, TypeError, 'bindings["x"] is missing'],
    [
      "of another shape",
      { x: noise([1, 39, WIDTH], 1) },
      RangeError,
      'bindings["x"] must have shape [1, 40, 256], got [1, 39, 256]',
    ],
    ["of another type", { x: noise([1, 40, WIDTH], 1).to("f16") }, TypeError, 'bindings["x"] must be f32, got f16'],
    ["a weight that is missing", { "layers.2.bias": undefined }, TypeError, 'bindings["layers.2.bias"] is missing'],
  ])("%s is named", async (_what, wrong, type, message) => {
    const plan = chain();
    const program = await (await create()).compile(plan);
    const bindings = { ...weightsOf(plan), ...io(), ...wrong } as Bindings;
    await expect(program.run(bindings)).rejects.toThrow(new type(message));
  });

  it("a source of the wrong length is refused", async () => {
    const device = await create();
    const tensor = device.allocate("f16", [3]);
    await expect(device.write(tensor, [new Uint8Array(5)])).rejects.toThrow(
      new RangeError("source has 5 bytes, but tensor f16 [3] needs 6"),
    );
    await expect(device.write(tensor, [new Uint8Array(4), new Uint8Array(4)])).rejects.toThrow(/more than the 6 bytes/);
  });

  it("a copy between tensors that differ is refused", async () => {
    const device = await create();
    await expect(device.copy(device.allocate("f32", [2]), device.allocate("f32", [3]))).rejects.toThrow(
      /must have the same/,
    );
  });

  it("an operation nobody knows is refused by name", async () => {
    const plan = chain();
    const odd = { ...plan, operations: plan.operations.map((each) => ({ ...each, op: "teleport" })) };
    await expect((await create()).compile(odd as unknown as Plan)).rejects.toMatchObject({
      code: "Unsupported",
      message: expect.stringMatching(/operation 0 \(teleport\)/),
    });
  });
});
