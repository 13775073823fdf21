import { describe, expect, it } from "vitest";
import {
  type AttentionSpec,
  compilePlan,
  coverMass,
  resolveSpec,
  topBlocks,
  union,
  unsupportedReason,
} from "../src/index.js";

const spec: AttentionSpec = { heads: 2, headDim: 64, visualTokens: 1000, textTokens: 100, textValid: 30 };
const line = (changes: Partial<AttentionSpec>) => compilePlan({ ...spec, ...changes }).steps.map(({ step }) => step.op);
const layout = {
  grid: [2, 20, 25] as const,
  blockSize: 128,
  order: Int32Array.from({ length: 1100 }, (_, i) => i),
  inverse: Int32Array.from({ length: 1100 }, (_, i) => i),
  neighbours: new Uint8Array(64),
  firstFrameBlocks: Int32Array.of(0),
};

describe("compilePlan", () => {
  it("is a straight line of primitives, per mode", () => {
    expect(line({ dense: true })).toEqual(["attend"]);
    expect(line({ rectify: "none" })).toEqual(["pool", "estimate", "attend"]);
    expect(line({ rectify: "paper" })).toEqual(["pool", "estimate", "attend"]);
    expect(line({})).toEqual(["pool", "summarize", "estimate", "attend"]);
    expect(line({ layout })).toEqual([
      "permute",
      "permute",
      "permute",
      "pool",
      "summarize",
      "estimate",
      "attend",
      "permute",
    ]);
    expect(line({ layout, tokenOrder: "curve" })).toEqual(line({}));
  });

  it("reads only what an earlier step wrote, an input, or a constant", () => {
    for (const rectify of ["none", "paper", "tail"] as const)
      for (const extras of [[], ["mask", "lse"]] as const) {
        const plan = compilePlan({ ...spec, rectify, extras, layout });
        const known = new Set(
          Object.entries(plan.tensors)
            .filter(([, { role }]) => role === "input" || role === "constant")
            .map(([name]) => name),
        );
        for (const step of plan.steps) {
          for (const name of Object.values(step.in)) expect(known, `${step.step.op} reads ${name}`).toContain(name);
          for (const name of Object.values(step.out)) known.add(name);
        }
        for (const name of Object.keys(plan.tensors)) expect(known).toContain(name);
      }
  });

  it("needs short lists for a fixed count and full ones when mass decides", () => {
    const stride = (policy: AttentionSpec["policy"]) => compilePlan({ ...spec, policy }).tensors.indices.shape[3];
    expect(stride(topBlocks({ dropRate: 0.75 }))).toBe(2 + 1);
    expect(stride(union(topBlocks({ dropRate: 0.75 }), coverMass(0.3)))).toBe(9);
  });

  it("prints as JSON, constants by shape", () => {
    const printed = JSON.parse(JSON.stringify(compilePlan({ ...spec, layout })));
    expect(printed.constants.tokenOrder).toEqual({ dtype: "i32", shape: [1100] });
    expect(printed.tensors.output).toEqual({ dtype: "f32", shape: [1, 2, 1100, 64], role: "output" });
  });

  it("turns requested extras into outputs and refuses those that do not exist", () => {
    expect(compilePlan({ ...spec, extras: ["blockError"] }).tensors.blockError.role).toBe("output");
    expect(() => compilePlan({ ...spec, extras: ["probabilities"] })).toThrow(
      /probabilities does not exist with rectify "tail"/,
    );
    expect(() => compilePlan({ ...spec, dense: true, extras: ["mask"] })).toThrow(/dense: true/);
  });

  it("groups anchors", () => {
    const shapeOf = (group: number | "all") => compilePlan({ ...spec, tail: { group } }).tensors.strataKey.shape;
    expect(shapeOf("all")).toEqual([1, 2, 1, 32, 64]);
    expect(shapeOf(3)).toEqual([1, 2, 3, 32, 64]);
    expect(shapeOf(99)).toEqual([1, 2, 1, 32, 64]);
  });
});

describe("resolveSpec", () => {
  it.each<[Partial<AttentionSpec>, RegExp]>([
    [{ heads: 0 }, /spec\.heads must be an integer of at least 1, got 0/],
    [{ headDim: 1.5 }, /spec\.headDim/],
    [{ visualTokens: 0 }, /spec\.visualTokens/],
    [{ blockSize: 96 }, /spec\.blockSize must be 64 or 128, got 96/],
    [{ textValid: 101 }, /spec\.textValid\[0\] is 101, but there are only 100/],
    [{ textValid: [1, 2] }, /lists 2 values, but spec\.batch is 1/],
    [{ dtype: "f8" as never }, /spec\.dtype/],
    [{ rectify: "magic" as never }, /spec\.rectify must be none or paper or tail/],
    [{ tail: { strataPerBlock: 3 } }, /power of two/],
    [{ tail: { strataPerBlock: 8, strata: "eigen" } }, /at most 4/],
    [{ tail: { group: 0 } }, /tail\.group/],
    [{ scale: Number.NaN }, /spec\.scale/],
    [{ tokenOrder: "raster" }, /needs spec\.layout/],
    [{ layout: { ...layout, grid: [1, 1, 1] } }, /1 tokens, but spec\.visualTokens is 1000/],
    [{ layout: { ...layout, blockSize: 64 } }, /layout\.blockSize is 64/],
    [{ behaviour: "reference" }, /multiple of 128 with text/],
  ])("refuses %o", (changes, message) => {
    expect(() => resolveSpec({ ...spec, ...changes })).toThrow(message);
  });

  it("fills in the defaults users are told of", () => {
    const resolved = resolveSpec({ heads: 1, headDim: 64, visualTokens: 10 });
    expect(resolved).toMatchObject({ rectify: "tail", behaviour: "corrected", dtype: "f32", permute: false });
    expect(resolved.geometry).toMatchObject({ scale: 0.125, blockSize: 128, visualBlocks: 1, textValid: [0] });
  });
});

describe("unsupportedReason", () => {
  it("says which field and what there is", () => {
    const capabilities = {
      dtypes: ["f16"] as const,
      accumulate: "f32" as const,
      headDims: [64, 128],
      blockSizes: [128],
      strata: ["local"] as const,
      encode: false,
    };
    const why = (changes: Partial<AttentionSpec>) =>
      unsupportedReason(capabilities, resolveSpec({ ...spec, dtype: "f16", ...changes }));
    expect(why({})).toBeUndefined();
    expect(why({ dtype: "f32" })).toBe("dtype f32 (it has f16)");
    expect(why({ headDim: 96 })).toBe("headDim 96 (it has 64, 128)");
    expect(why({ blockSize: 64 })).toBe("blockSize 64 (it has 128)");
    expect(why({ tail: { strata: "eigen" } })).toMatch(/eigen/);
    expect(why({ tail: { strata: "eigen" }, rectify: "paper" })).toBeUndefined();
  });
});
