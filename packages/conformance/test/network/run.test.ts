import type { Device, HostTensor, Plan, Program, ProgramRunOptions } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import { describe, expect, it } from "vitest";
import { describeCheck, networkCases, runNetwork, skips } from "../../src/index.js";
import { roundedDevice } from "./rounded.js";

const failures = async (device: Device, filter: string, dtypes = ["f32"] as const) =>
  (await runNetwork(device, { filter, dtypes })).checks.filter(({ ok }) => !ok).map(describeCheck);

/** The oracle with something done before or after every run. */
async function spoiled(change: {
  before?: (bindings: Record<string, HostTensor>) => void;
  after?: (bindings: Record<string, HostTensor>, plan: Plan) => void;
  wrap?: (program: Program) => Program;
}): Promise<Device> {
  const oracle = await reference.create();
  return {
    ...oracle,
    async compile(plan: Plan) {
      const program = await oracle.compile(plan);
      const run = async (bindings: never, options?: ProgramRunOptions) => {
        change.before?.(bindings);
        const report = await program.run(bindings, options);
        change.after?.(bindings, plan);
        return report;
      };
      const spoiledProgram: Program = { run, describe: () => program.describe(), dispose: () => program.dispose() };
      return change.wrap?.(spoiledProgram) ?? spoiledProgram;
    },
  };
}

describe("network cases", () => {
  it.each([
    ["f32", "all"],
    ["f16", "small"],
    ["bf16", "all"],
  ] as const)(
    "pass where every temporary is rounded to %s (%s cases)",
    async (dtype, size) => {
      const report = await runNetwork(await roundedDevice(), { dtypes: [dtype], size });
      expect(report.checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
      expect(skips(report)).toEqual([]);
      const cases = networkCases.filter((each) => size === "all" || each.size === size);
      expect(report.passed).toBeGreaterThan(2 * cases.length - 10);
    },
    240_000,
  );

  it("have names of their own", () => {
    expect(new Set(networkCases.map(({ name }) => name)).size).toBe(networkCases.length);
  });

  const y = (bindings: Record<string, HostTensor>) => bindings.y.data as Float32Array;

  it("notice one wrong element, in either of two runs", async () => {
    const device = await spoiled({ after: (bindings) => void (y(bindings)[5] += 1e-4) });
    expect((await failures(device, "linear: odd sizes")).length).toBe(2);
  });

  it("notice an element that was not written", async () => {
    const device = await spoiled({ after: (bindings) => void (y(bindings)[5] = Number.NaN) });
    expect((await failures(device, "conv: 1x1x1"))[0]).toContain("got NaN");
  });

  it("notice a NaN that was lost, and one that spread", async () => {
    const lose = await spoiled({ after: (bindings) => y(bindings).forEach((x, i, all) => void (all[i] = x || 0)) });
    expect((await failures(lose, "NaN stays in its row"))[0]).toContain("expected NaN");
    const spread = await spoiled({ after: (bindings) => void y(bindings).fill(Number.NaN) });
    expect((await failures(spread, "NaN stays in its row"))[0]).toContain("got NaN");
  });

  it("notice a bit changed by what only moves elements", async () => {
    const device = await spoiled({ after: (bindings) => void (y(bindings)[2] *= 1 + 2 ** -23) });
    expect(await failures(device, "concat: axis 1")).toHaveLength(2);
  });

  it("notice inputs that were written to", async () => {
    const device = await spoiled({ after: (bindings) => void ((bindings.x.data as Float32Array)[0] = 7) });
    expect((await failures(device, "heads: split alone"))[0]).toContain("x after the run");
  });

  it("notice that two runs shared memory", async () => {
    let other: HostTensor | undefined;
    const device = await spoiled({
      before: ({ x }) => {
        // The second of two runs overwrites what the first one reads.
        if (other) (other.data as Float32Array).set(x.data as Float32Array);
        other = x;
      },
    });
    expect(await failures(device, "norm: rms, one row")).not.toEqual([]);
  });

  it("notice memory that was not cleared: what an earlier run left is NaN", async () => {
    let left: Float32Array | undefined;
    const device = await spoiled({
      after: (bindings) => {
        const out = y(bindings);
        if (left) for (let i = 0; i < out.length; i++) out[i] += 0 * left[i];
        left = out.slice();
      },
    });
    expect((await failures(device, "reduce: mean of rows"))[0]).toContain("got NaN");
  });

  it("notice a state that was not written", async () => {
    const device = await spoiled({
      after: (bindings) => void (bindings.history0?.data as Float32Array | undefined)?.fill(0),
    });
    const failed = await failures(device, "remembers two frames");
    expect(failed.some((line) => line.includes("history0 "))).toBe(true);
    expect(failed.some((line) => line.includes("y (call 2)"))).toBe(true);
  });

  it("check recordings beside runs", async () => {
    const pending: (() => Promise<unknown>)[] = [];
    const recording = (wrong: number) =>
      spoiled({
        wrap: (program) => ({
          ...program,
          encode: (_, bindings) =>
            void pending.push(() =>
              program.run(bindings).then(() => void (y(bindings as Record<string, HostTensor>)[0] += wrong)),
            ),
        }),
      });
    const recorder = { begin: () => ({}), end: async () => void (await pending.shift()?.()) };
    const check = async (wrong: number) =>
      (await runNetwork(await recording(wrong), { filter: "heads: split alone", dtypes: ["f32"], recorder })).checks;
    expect((await check(0)).map(({ tensor }) => tensor)).toContain("y (recorded)");
    expect((await check(0)).every(({ ok }) => ok)).toBe(true);
    expect((await check(1e-3)).filter(({ ok }) => !ok).map(({ tensor }) => tensor)).toEqual(["y (recorded)"]);
  });

  it("skip by name and reason what a device does not do", async () => {
    const device = await spoiled({});
    device.unsupported = (plan, i) => (plan.operations[i].op === "merge" ? "no merge here" : undefined);
    const report = await runNetwork(device, { filter: "merge", dtypes: ["f32"] });
    expect(skips(report)).toEqual([
      "merge: alone [f32]: no merge here",
      "merge: order and text [f32]: no merge here",
      "heads and merge: back where they were [f32]: no merge here",
    ]);
  });
});
