import type { Backend } from "@spaattn/attention";
import { interpret } from "@spaattn/attention";
import type { HostTensor, Tensor } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import { describe, expect, it } from "vitest";
import { conformanceCases, describeCheck, run, testBackend } from "../src/index.js";

/** The oracle with one thing wrong, claiming to be an ordinary f32 backend. */
async function broken(
  spoil: Partial<{
    [K in "pool" | "estimate" | "attend" | "summarize"]: (outputs: Record<string, HostTensor>) => void;
  }>,
) {
  const honest = await reference.create();
  const backend = Object.create(honest) as Backend;
  Object.assign(backend, {
    name: "broken",
    prepare: async (plan: Parameters<Backend["prepare"]>[0]) => interpret(backend, plan),
  });
  for (const [name, wrong] of Object.entries(spoil)) {
    const primitive = name as "pool";
    backend[primitive] = async (step, inputs, outputs, context) => {
      await honest[primitive](step, inputs, outputs, context);
      wrong(outputs as unknown as Record<string, HostTensor>);
    };
  }
  return backend;
}

const pick = (name: string) => conformanceCases.filter((testCase) => testCase.name === name);
const failures = async (backend: Backend, name: string) => {
  const report = await run(backend, { cases: pick(name), dtypes: ["f32"] });
  return report.checks.filter(({ ok }) => !ok).map(({ tensor }) => tensor);
};
const floats = (tensor: Tensor) => (tensor as HostTensor<"f64">).data;

describe("run", () => {
  it("passes an honest float32 backend on every small case: the oracle with its intermediate tensors rounded", async () => {
    const honest = await reference.create();
    const backend = Object.create(honest, {
      name: { value: "single" },
      capabilities: { value: { ...honest.capabilities, accumulate: "f32" } },
    }) as Backend;
    backend.prepare = async (plan) => interpret(backend, plan);
    const report = await run(backend, { size: "small", dtypes: ["f32"], unfused: false });
    expect(report.checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
    expect(report.passed).toBeGreaterThan(1500);
    expect(report.skipped).toBe(0);
  }, 180_000);

  it("passes the oracle, and disposes of it", async () => {
    const report = await testBackend(reference, { filter: "blocks of 128", dtypes: ["f16", "bf16"] });
    expect(report).toMatchObject({ failed: 0, skipped: 0 });
    expect(report.passed).toBeGreaterThan(60);
  });

  it("notices one wrong output element", async () => {
    const backend = await broken({ attend: ({ output }) => void (floats(output)[700] += 1e-3) });
    expect(await failures(backend, "whole blocks, paper")).toEqual([
      "output",
      "output without extras",
      "output beside another run",
      "output unfused",
    ]);
  });

  it("notices a NaN", async () => {
    const backend = await broken({ attend: ({ output }) => void (floats(output)[3] = Number.NaN) });
    expect(await failures(backend, "dense")).toContain("output");
  });

  it("notices a block too few, and judges what follows on the mask that was used", async () => {
    const backend = await broken({
      estimate: ({ counts }) => {
        (counts as HostTensor<"i32">).data[2] -= 1;
      },
    });
    const failed = await failures(backend, "whole blocks, none");
    expect(failed).toContain("mask");
    expect(failed).not.toContain("output");
  });

  it("notices statistics that no output would show", async () => {
    const backend = await broken({
      pool: ({ keyDeviation }) => keyDeviation && void (floats(keyDeviation)[5] *= 1.01),
    });
    expect(await failures(backend, "whole blocks, paper")).toContain("keyDeviation");
  });

  it("notices that the rule for ties is another one", async () => {
    // The last column instead of the first, in rows of equal scores.
    const backend = await broken({
      estimate: ({ counts, indices }) => {
        const lists = (indices as HostTensor<"i32">).data;
        const stride = (indices as HostTensor).shape[3];
        const chosen = (counts as HostTensor<"i32">).data[0];
        // 7 visual blocks of which 3 are kept: 0, 1, 2 and the text block 7.
        expect([...lists.subarray(0, chosen)]).toEqual([0, 1, 2, 7]);
        lists[2] = 6;
        expect(stride).toBeGreaterThan(3);
      },
    });
    expect(await failures(backend, "all scores equal, none")).toEqual(["mask"]);
  });

  it("notices a text block too few", async () => {
    const backend = await broken({
      estimate: ({ counts }) => void (counts as HostTensor<"i32">).data.forEach((x, i, all) => void (all[i] = x - 1)),
    });
    expect(await failures(backend, "ragged, with text, none")).toContain("text in the mask");
  });

  it("notices strata that differ without a reason", async () => {
    const backend = await broken({
      summarize: ({ order }) => {
        const slots = order && (order as HostTensor<"i32">).data;
        if (slots) [slots[0], slots[40]] = [slots[40], slots[0]];
      },
    });
    expect(await failures(backend, "strata local")).toEqual(["order"]);
  });

  it("notices inputs that were written to", async () => {
    const honest = await reference.create();
    const backend = Object.create(honest) as Backend;
    backend.prepare = async (plan) => interpret(backend, plan);
    backend.attend = async (step, inputs, outputs, context) => {
      await honest.attend(step, inputs, outputs, context);
      (inputs.value as HostTensor).data[7] = 0;
    };
    expect(await failures(backend, "dense")).toContain("value after the runs");
  });

  it("turns a thrown error into a failed check", async () => {
    const backend = await broken({
      summarize: () => {
        throw new Error("lost");
      },
    });
    const report = await run(backend, { cases: pick("whole blocks, tail"), dtypes: ["f32"] });
    expect(report.checks).toMatchObject([{ tensor: "run", ok: false, note: "threw Error: lost" }]);
  });

  it("skips by name what a backend cannot do", async () => {
    const honest = await reference.create();
    const backend = Object.create(honest, {
      name: { value: "narrow" },
      capabilities: { value: { ...honest.capabilities, headDims: [128], dtypes: ["f16"] } },
    }) as Backend;
    const report = await run(backend, { cases: pick("dense") });
    expect(report).toMatchObject({ passed: 0, failed: 0, skipped: 1 });
    expect(describeCheck(report.checks[0])).toBe("skipped dense [f16]: all (narrow has no headDim 64 (it has 128))");
  });

  it("stops when told to", async () => {
    const stop = new AbortController();
    stop.abort();
    const backend = await reference.create();
    await expect(run(backend, { cases: pick("dense"), signal: stop.signal })).rejects.toMatchObject({
      code: "Aborted",
    });
  });
});
