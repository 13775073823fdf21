import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { type AttentionSpec, type Backend, createAttention, type RunOptions, topBlocks } from "@spaattn/attention";
import { type CpuOptions, cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { afterEach, describe, expect, it } from "vitest";

const made: Backend[] = [];
const create = async (options: CpuOptions = {}) => {
  const backend = await cpu.create({ kernel: "simd", ...options });
  made.push(backend);
  return backend;
};
afterEach(() => {
  for (const backend of made.splice(0)) backend.dispose();
});

function noise(shape: readonly number[], seed = 1): HostTensor<"f32"> {
  const tensor = new HostTensor("f32", shape);
  let state = seed;
  for (let i = 0; i < tensor.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    tensor.data[i] = state / 2 ** 31;
  }
  return tensor;
}

const spec = (visualTokens: number, more: Partial<AttentionSpec> = {}): AttentionSpec => ({
  heads: 2,
  headDim: 64,
  visualTokens,
  policy: topBlocks({ dropRate: 0.5 }),
  ...more,
});

function inputs({ heads, headDim, visualTokens, textTokens = 0 }: AttentionSpec) {
  const shape = [1, heads, visualTokens + textTokens, headDim];
  return { query: noise(shape, 1), key: noise(shape, 2), value: noise(shape, 3) };
}

async function attend(backend: Backend, what: AttentionSpec, io = inputs(what), options: RunOptions = {}) {
  const attention = await createAttention(backend, what);
  const { output } = await attention.run(io, options);
  return (output as HostTensor<"f32">).data;
}

// Long enough that something can happen in the middle.
const LONG = spec(6000, { dense: true });

describe.each([
  ["on the calling thread", { threads: 1 }],
  ["on shared memory", { threads: 2 }],
  ["on private memories", { threads: 2, sharedMemory: false }],
] as const)("a run %s", (_name, options) => {
  it("gives what one thread gives", async () => {
    const what = spec(3000, { textTokens: 70, textValid: 50 });
    const one = await attend(await create({ threads: 1 }), what);
    const got = await attend(await create(options), what);
    expect(got.findIndex((x, i) => Math.abs(x - one[i]) > 1e-6)).toBe(-1);
  });

  it("stops within 50 ms when cancelled, and the backend runs again", async () => {
    const backend = await create(options);
    await attend(backend, LONG);
    const controller = new AbortController();
    let asked = 0;
    setTimeout(() => {
      asked = performance.now();
      controller.abort();
    }, 60);
    const io = inputs(LONG);
    await expect(attend(backend, LONG, io, { signal: controller.signal })).rejects.toMatchObject({ code: "Aborted" });
    // The promise is 50 ms on an idle machine; a loaded one gets some grace.
    expect(performance.now() - asked).toBeLessThan(500);
    expect(asked).toBeGreaterThan(0);
    expect((await attend(backend, spec(300))).every(Number.isFinite)).toBe(true);
  });

  it("reports progress that grows and stays below or at 1", async () => {
    const seen: number[] = [];
    await attend(await create(options), LONG, inputs(LONG), { onProgress: (done) => seen.push(done) });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((done, i) => done <= 1 && done >= (seen[i - 1] ?? 0) - 1e-9)).toBe(true);
  });

  it("rejects with Disposed when the backend is disposed meanwhile", async () => {
    const backend = await create(options);
    const running = attend(backend, LONG);
    setTimeout(() => backend.dispose(), 40);
    await expect(running).rejects.toMatchObject({ code: "Disposed" });
    await expect(attend(backend, spec(300))).rejects.toMatchObject({ code: "Disposed" });
  });
});

describe("a worker that dies", () => {
  it.each([true, false])("fails the run clearly and is replaced (shared memory: %s)", async (sharedMemory) => {
    const threads = process.getBuiltinModule("node:worker_threads") as { Worker: typeof Worker };
    const Original = threads.Worker;
    const workers: Worker[] = [];
    threads.Worker = class extends Original {
      constructor(...args: ConstructorParameters<typeof Original>) {
        super(...args);
        workers.push(this);
      }
    };
    try {
      const backend = await create({ threads: 2, sharedMemory });
      const running = attend(backend, LONG);
      setTimeout(() => void workers[0].terminate(), 60);
      await expect(running).rejects.toMatchObject({ code: "DeviceLost", message: expect.stringMatching(/worker/) });
      expect((await attend(backend, LONG)).every(Number.isFinite)).toBe(true);
      expect(workers.length).toBe(4);
    } finally {
      threads.Worker = Original;
    }
  });
});

describe("memory", () => {
  it("refuses at once what cannot fit, with the sizes named", async () => {
    const backend = await create({ memoryLimit: 20e6 });
    await expect(createAttention(backend, spec(60_000))).rejects.toMatchObject({
      code: "OutOfMemory",
      message: expect.stringMatching(/60000 tokens x 64 needs a working set of \d+ MB, but memoryLimit is 20 MB/),
    });
  });

  it.each(["none", "paper", "tail"] as const)(
    "takes a full HunyuanVideo layer within the default limit (%s)",
    async (rectify) => {
      const backend = await create();
      const full = spec(118_544, {
        heads: 24,
        headDim: 128,
        textTokens: 256,
        rectify,
        policy: topBlocks({ dropRate: 0.8 }),
      });
      (await createAttention(backend, full)).dispose();
    },
  );

  it("holds the summaries of a window of anchors at a time", async () => {
    const backend = await create({ memoryLimit: 12e6 });
    const what = spec(4096, { heads: 1, tail: { group: 1 } });
    const windowed = await attend(backend, what);
    const whole = await attend(await create(), what);
    expect(windowed.findIndex((x, i) => Math.abs(x - whole[i]) > 1e-6)).toBe(-1);
  });
});

describe("a Node program", () => {
  it("ends by itself while the backend's threads still live", async () => {
    const script = `
      import { cpu } from "@spaattn/backend-cpu";
      import { createAttention } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
      const backend = await cpu.create({ threads: 2 });
      const attention = await createAttention(backend, { heads: 4, headDim: 64, visualTokens: 4096, dense: true });
      const t = () => new HostTensor("f32", [1, 4, 4096, 64]);
      await attention.run({ query: t(), key: t(), value: t() });
      console.log("done");
    `;
    const flags = ["--conditions=@spaattn/source", "--import", "tsx", "--input-type=module", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, flags, {
      cwd: new URL("..", import.meta.url),
      timeout: 60_000,
    });
    expect(stdout.trim()).toBe("done");
  });
});
