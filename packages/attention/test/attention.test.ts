import { type DType, HostTensor, isSpaAttnError } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import {
  type AttentionSpec,
  type Backend,
  createAttention,
  hostElementwise,
  hostPolicy,
  interpret,
} from "../src/index.js";

/** A backend that records the calls it gets and copies value to output. */
function recorder() {
  const calls: string[] = [];
  const live = new Set<HostTensor>();
  const allocate = (dtype: DType, shape: readonly number[]) => {
    const tensor = new HostTensor(dtype, shape);
    live.add(tensor);
    return tensor;
  };
  const backend: Backend = {
    name: "recorder",
    capabilities: {
      dtypes: ["f32"],
      accumulate: "f32",
      headDims: { multipleOf: 1, max: 64 },
      blockSizes: [64, 128],
      strata: ["local"],
      encode: false,
    },
    elementwise: hostElementwise,
    allocate,
    upload: (tensor) => tensor,
    owns: (tensor) => tensor instanceof HostTensor,
    prepare: async (plan) => interpret(backend, plan),
    permute: () => void calls.push("permute"),
    pool: () => void calls.push("pool"),
    summarize: () => void calls.push("summarize"),
    estimate: (_step, inputs, outputs) => {
      calls.push(inputs.forced ? `estimate forced ${inputs.forced.shape.join("x")}` : "estimate");
      if (outputs.blockError) (outputs.blockError as HostTensor<"f32">).data.forEach((_, i, all) => void (all[i] = i));
    },
    attend: (_step, inputs, outputs) => {
      calls.push("attend");
      (outputs.output as HostTensor<"f32">).data.set((inputs.value as HostTensor<"f32">).data);
    },
    dispose() {},
  };
  return { backend, calls, live };
}

const spec: AttentionSpec = { heads: 1, headDim: 4, visualTokens: 200, blockSize: 64 };
const random = () => new HostTensor("f32", [1, 1, 200, 4], Float32Array.from({ length: 800 }, Math.random));
const io = () => ({ query: random(), key: random(), value: random() });

describe("createAttention", () => {
  it("runs the plan in order, into the caller's output when there is one", async () => {
    const { backend, calls } = recorder();
    const attention = await createAttention(backend, spec);
    const tensors = io();
    const output = random();
    const result = await attention.run({ ...tensors, output });
    expect(result.output).toBe(output);
    expect(output.data).toEqual(tensors.value.data);
    expect(calls).toEqual(["pool", "summarize", "estimate", "attend"]);
    expect(result.report.steps.map(({ op }) => op)).toEqual(calls);
  });

  it("refuses wrong tensors by name before anything runs", async () => {
    const { backend, calls } = recorder();
    const attention = await createAttention(backend, spec);
    const good = io();
    const run = (changes: object) => attention.run({ ...good, ...changes });
    await expect(run({ query: undefined })).rejects.toThrow("io.query is missing");
    await expect(run({ key: new HostTensor("f32", [1, 1, 200, 5]) })).rejects.toThrow(
      "io.key must have shape [1, 1, 200, 4], got [1, 1, 200, 5]",
    );
    await expect(run({ value: good.value.to("f16") })).rejects.toThrow("io.value must be f32, got f16");
    await expect(run({ query: new Float32Array(800) })).rejects.toThrow(
      "io.query must be a tensor, got Float32Array(800)",
    );
    await expect(run({ ouput: random() })).rejects.toThrow(
      "io.ouput is no tensor of this attention; it has query, key, value, output",
    );
    await expect(run({ output: good.query })).rejects.toThrow("io.output must not be an input");
    const gone = random();
    gone.dispose();
    await expect(run({ query: gone })).rejects.toSatisfy((error) => isSpaAttnError(error, "Disposed"));
    expect(calls).toEqual([]);
  });

  it("says what a backend cannot do", async () => {
    const { backend } = recorder();
    await expect(createAttention(backend, { ...spec, dtype: "bf16" })).rejects.toThrow(
      'Backend "recorder" does not support dtype bf16 (it has f32).',
    );
    const attention = await createAttention(backend, spec);
    expect(() => attention.encode({}, io())).toThrow(/does not record/);
  });

  it("stops between steps when the signal fires, and reports progress up to there", async () => {
    const { backend, calls } = recorder();
    const attention = await createAttention(backend, spec);
    const stop = new AbortController();
    const stages: string[] = [];
    const running = attention.run(io(), {
      signal: stop.signal,
      onProgress: (_done, stage) => {
        stages.push(stage);
        if (stage === "summarize") stop.abort();
      },
    });
    await expect(running).rejects.toSatisfy((error) => isSpaAttnError(error, "Aborted"));
    expect(calls).toEqual(["pool", "summarize"]);
    expect(stages).toEqual(["pool", "summarize"]);
  });

  it("lets a host policy choose from the scores, then runs with its mask", async () => {
    const { backend, calls } = recorder();
    const seen: number[][] = [];
    const policy = hostPolicy(({ block, scores }) => {
      seen.push([block, scores[0]]);
      return [block];
    });
    const attention = await createAttention(backend, { ...spec, policy });
    await attention.run(io());
    expect(seen).toEqual([
      [0, 0],
      [1, 4],
      [2, 8],
      [3, 12],
    ]);
    expect(calls).toEqual(["pool", "summarize", "estimate", "pool", "summarize", "estimate forced 1x1x4x4", "attend"]);
  });

  it("frees its workspace, and refuses to run afterwards", async () => {
    const { backend, live } = recorder();
    const attention = await createAttention(backend, spec);
    attention.dispose();
    attention.dispose();
    expect([...live].every((tensor) => tensor.disposed)).toBe(true);
    await expect(attention.run(io())).rejects.toSatisfy((error) => isSpaAttnError(error, "Disposed"));
  });

  it("frees outputs it allocated when a run fails", async () => {
    const { backend, live } = recorder();
    const attention = await createAttention(backend, spec);
    const before = new Set(live);
    backend.attend = () => {
      throw new Error("device on fire");
    };
    await expect(attention.run(io())).rejects.toThrow("device on fire");
    const fresh = [...live].filter((tensor) => !before.has(tensor));
    expect(fresh.length).toBe(1);
    expect(fresh[0].disposed).toBe(true);
  });
});
