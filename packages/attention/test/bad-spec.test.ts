import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AttentionSpec,
  always,
  checkPolicy,
  coverMass,
  EXTRAS,
  firstFrame,
  hostPolicy,
  lowerPolicy,
  makeGeometry,
  neighbours,
  resolveSpec,
  topBlocks,
  union,
} from "../src/index.js";

const base = { heads: 2, headDim: 64, visualTokens: 512 };
const fault = (changes: object) => {
  try {
    resolveSpec({ ...base, ...changes } as AttentionSpec);
  } catch (error) {
    return error as Error;
  }
  return undefined;
};

describe("every field of a spec is checked, and named with its value", () => {
  it.each<[object, string]>([
    [{ head: 2 }, "spec.head is not known; spec has batch, heads"],
    [{ dropRate: 0.8 }, "spec.dropRate is not known"],
    [{ visualTokens: 9_999_999_999 }, "spec.visualTokens must be at most 2147483647, got 9999999999"],
    [{ textTokens: 2 ** 31 }, "spec.textTokens must be at most"],
    [{ heads: 1e9 }, "spec.heads must be at most 1048576, got 1000000000"],
    [{ heads: "2" }, 'spec.heads must be an integer of at least 1, got "2"'],
    [{ batch: null }, "spec.batch must be an integer of at least 1, got null"],
    [{ textTokens: -1 }, "spec.textTokens must be an integer of at least 0, got -1"],
    [{ textTokens: null }, "spec.textTokens must be an integer of at least 0, got null"],
    [{ textValid: {} }, "spec.textValid[0] must be an integer of at least 0, got {}"],
    [{ textValid: [1, 2] }, "spec.textValid lists 2 values, but spec.batch is 1"],
    [{ blockSize: "128" }, 'spec.blockSize must be 64 or 128, got "128"'],
    [{ scale: null }, "spec.scale must be a finite number, got null"],
    [{ dense: "no" }, 'spec.dense must be true or false, got "no"'],
    [{ dense: 0 }, "spec.dense must be true or false, got 0"],
    [{ dense: null }, "spec.dense must be true or false, got null"],
    [{ rectify: null }, "spec.rectify must be none or paper or tail or levels, got null"],
    [{ dtype: null }, "spec.dtype must be f32 or f16 or bf16, got null"],
    [{ tail: 8 }, "spec.tail must be an object, got 8"],
    [{ tail: null }, "spec.tail must be an object, got null"],
    [{ tail: [] }, "spec.tail must be an object, got []"],
    [{ tail: { stratas: 1 } }, "spec.tail.stratas is not known; spec.tail has strataPerBlock, strata"],
    [{ tail: { strataPerBlock: "4" } }, 'spec.tail.strataPerBlock must be an integer of at least 1, got "4"'],
    [{ tail: { hMax: "1" } }, 'spec.tail.hMax must be a number that is not negative, got "1"'],
    [{ tail: { tauMax: Number.NaN } }, "spec.tail.tauMax must be a number that is not negative, got NaN"],
    [{ tail: { group: null } }, "spec.tail.group must be an integer of at least 1, got null"],
    [{ extras: "mask" }, 'spec.extras must be a list of names such as ["mask"], got "mask"'],
    [{ extras: ["masks"] }, "spec.extras[0] must be lse or mask"],
    [{ layout: {} }, "spec.layout must be a layout such as videoLayout() makes, got {}"],
    [{ layout: { grid: [2, 16, 16], order: [] } }, "spec.layout.order must be an Int32Array"],
  ])("%j", (changes, message) => {
    const error = fault(changes);
    expect(error?.name).toMatch(/^(TypeError|RangeError)$/);
    expect(error?.message).toContain(message);
  });

  it("takes undefined for left out, everywhere", () => {
    const none = {
      batch: undefined,
      tail: { hMax: undefined },
      dense: undefined,
      policy: undefined,
      extras: undefined,
    };
    expect(resolveSpec({ ...base, ...none } as never)).toEqual(resolveSpec(base));
  });

  it("knows every extra there is", () => {
    expect(resolveSpec({ ...base, extras: EXTRAS }).extras).toEqual(EXTRAS);
  });
});

describe("policies as plain data", () => {
  it.each<[unknown, string]>([
    [{ kind: "topK", k: 3 }, "spec.policy.kind must be topBlocks or coverMass"],
    ["top", "spec.policy must be a policy such as topBlocks"],
    [[], "spec.policy must be a policy such as topBlocks"],
    [null, "spec.policy must be a policy such as topBlocks"],
    [{}, "spec.policy.kind must be topBlocks or coverMass"],
    [{ kind: "toString" }, "spec.policy.kind must be topBlocks or coverMass"],
    [{ kind: "topBlocks", dropRate: 2 }, "spec.policy.dropRate must be between 0 and 1, got 2"],
    [{ kind: "topBlocks", droprate: 0.5 }, "spec.policy.droprate is not known; spec.policy has kind, dropRate"],
    [{ kind: "topBlocks", dropRate: [] }, "spec.policy.dropRate must list one value per head, got []"],
    [{ kind: "topBlocks", dropRate: [0.5, "0.5"] }, "spec.policy.dropRate[1] must be a number between 0 and 1"],
    [{ kind: "topBlocks", dropRate: null }, "got null"],
    [{ kind: "coverMass", mass: Number.NaN }, "spec.policy.mass must be between 0 and 1, got NaN"],
    [{ kind: "firstFrame", as: "foo" }, 'spec.policy.as must be "sink" or "dense", got "foo"'],
    [{ kind: "firstFrame" }, 'spec.policy.as must be "sink" or "dense", got undefined'],
    [{ kind: "always", blocks: 3 }, "spec.policy.blocks must be a list of blocks, got 3"],
    [{ kind: "always", blocks: [1.5] }, "spec.policy.blocks[0] must be the number of a block, got 1.5"],
    [{ kind: "neighbours", radius: 2 }, "spec.policy.radius is not known"],
    [{ kind: "union", of: [] }, "spec.policy.of must list at least one policy, got []"],
    [{ kind: "union", of: [{ kind: "union", of: [] }] }, "spec.policy.of[0].of must list at least one policy"],
    [{ kind: "union", of: [{ kind: "neighbours" }, "x"] }, "spec.policy.of[1] must be a policy"],
    [{ kind: "host" }, "spec.policy.select must be a function, got undefined"],
    [JSON.parse(JSON.stringify(hostPolicy(() => []))), "spec.policy.select must be a function"],
  ])("%j", (policy, message) => {
    expect(fault({ policy })?.message).toContain(message);
  });

  it("its constructors refuse the same", () => {
    expect(() => topBlocks({} as never)).toThrow(
      "dropRate must be a number between 0 and 1, or one per head, got undefined",
    );
    expect(() => topBlocks(0.8 as never)).toThrow("topBlocks() options must be an object, got 0.8");
    expect(() => topBlocks({ dropRate: "0.5" } as never)).toThrow('got "0.5"');
    expect(() => coverMass([0.5, -1])).toThrow("coverMass[1] must be between 0 and 1, got -1");
    expect(() => firstFrame("foo" as never)).toThrow('firstFrame().as must be "sink" or "dense", got "foo"');
    expect(() => always(3 as never)).toThrow("always().blocks must be a list of blocks, got 3");
    expect(() => union()).toThrow("union().of must list at least one policy");
    expect(() => union(topBlocks({ dropRate: 0.5 }), "neighbours" as never)).toThrow("union().of[1] must be a policy");
    expect(() => hostPolicy(3 as never)).toThrow("host().select must be a function, got 3");
  });

  it("what constructors make survives JSON", () => {
    const policy = union(
      topBlocks({ dropRate: [0.5, 0.7] }),
      coverMass(0.3),
      neighbours(),
      firstFrame("dense"),
      always([1]),
    );
    expect(() => checkPolicy("policy", JSON.parse(JSON.stringify(policy)))).not.toThrow();
  });

  it("never takes arbitrary JSON for something else", () => {
    const kinds = fc.constantFrom("topBlocks", "coverMass", "firstFrame", "always", "union", "host", "neighbours", "x");
    const anything = fc.record(
      { kind: kinds, dropRate: fc.jsonValue(), mass: fc.jsonValue(), of: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(anything, fc.jsonValue()), (policy) => {
        const error = fault({ policy });
        if (error) expect(error.message).toContain("spec.policy");
      }),
    );
  });

  it("refuses a policy that leaves a row with nothing at all", () => {
    const geometry = makeGeometry({
      batch: 2,
      heads: 2,
      headDim: 64,
      visualTokens: 320,
      blockSize: 64,
      textTokens: 8,
      textValid: [8, 0],
    });
    const context = { geometry, behaviour: "corrected", rectify: "none" } as const;
    expect(() => lowerPolicy(always([]), context)).toThrow("spec.policy selects no block");
    const texts = { ...context, geometry: { ...geometry, textValid: [8, 1] } };
    expect(lowerPolicy(always([]), texts).ranked).toBe(false);
    expect(lowerPolicy(always([]), { ...context, rectify: "tail" }).ranked).toBe(false);
  });

  it("joins several host functions", () => {
    const geometry = makeGeometry({ batch: 1, heads: 1, headDim: 64, visualTokens: 320, blockSize: 64 });
    const both = union(
      hostPolicy(() => [1]),
      hostPolicy(() => [3]),
    );
    const { host } = lowerPolicy(both, { geometry, behaviour: "corrected", rectify: "none" });
    expect([...host!({ batch: 0, head: 0, block: 0, scores: new Float32Array(5) })]).toEqual([1, 3]);
  });
});
