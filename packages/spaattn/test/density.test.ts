import { HostTensor, type Tensor } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { always, coverMass, rectifiedAttention, releaseBackends, topBlocks, union } from "../src/index.js";
import { qkv } from "./inputs.js";

const [heads, headDim, visual, text] = [2, 16, 300, 40];
const length = heads * (visual + text) * headDim;
const [q, k, v] = qkv(length);
const shape = { heads, headDim, blockSize: 64, visualTokens: visual, textTokens: text };

afterAll(releaseBackends);

/** The share that the block lists say. */
function counted({ counts }: Readonly<Record<string, HostTensor>>): number {
  const [batch, h, n] = counts.shape;
  const total = (counts.data as Int32Array).reduce((sum, count) => sum + count - 1, 0);
  return total / (batch * h * n * n);
}

describe("density", () => {
  it("known from the policy alone is what the block lists say", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("none", "paper", "tail") as fc.Arbitrary<"none" | "paper" | "tail">,
        fc.oneof(
          fc.double({ min: 0, max: 1, noNaN: true }).map((dropRate) => topBlocks({ dropRate })),
          fc.double({ min: 0, max: 1, noNaN: true }).map((mass) => coverMass(mass)),
          fc.integer({ min: 0, max: 4 }).map((block) => union(topBlocks({ dropRate: 0.5 }), always([block]))),
        ),
        async (rectify, policy) => {
          const options = { ...shape, rectify, policy, backend: "reference" };
          const plain = await rectifiedAttention(q, k, v, options);
          const { tensors, density } = await rectifiedAttention(q, k, v, { ...options, extras: ["mask"] });
          expect(density).toBeCloseTo(counted(tensors), 12);
          expect(plain.density).toBeCloseTo(density, 12);
        },
      ),
      { numRuns: 15 },
    );
  }, 120_000);

  it("of a run on a device costs no read-back", async () => {
    const backend = await reference.create();
    let reads = 0;
    // The same tensors as a device would hold them: not host tensors, and every read is counted.
    const hide = (tensor: HostTensor): Tensor =>
      new Proxy(tensor, {
        get: (target, name) => {
          const value = Reflect.get(target, name, target);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            if (name === "read") reads++;
            return value.apply(target, args);
          };
        },
        // Host tensors are known by a brand, also those of another copy of core.
        has: (target, name) => typeof name !== "symbol" && Reflect.has(target, name),
        getPrototypeOf: () => Object.prototype,
      });
    const device = {
      ...backend,
      owns: () => true,
      allocate: (...args: Parameters<typeof backend.allocate>) => hide(backend.allocate(...args) as HostTensor),
    };
    const tensor = (data: Float32Array) => hide(new HostTensor("f32", [1, heads, visual + text, headDim], data));
    const io = [tensor(q), tensor(k), tensor(v)] as const;
    const options = { blockSize: 64, visualTokens: visual, textTokens: text, backend: device };
    const fixed = await rectifiedAttention(...io, { ...options, dropRate: 0.5 });
    expect(fixed.density).toBeCloseTo(2 / 5, 12);
    expect(Object.keys(fixed.tensors)).toEqual(["output"]);
    const open = await rectifiedAttention(...io, { ...options, coverMass: 0.5 });
    expect(open.density).toBeUndefined();
    expect(reads).toBe(0);
    const asked = await rectifiedAttention(...io, { ...options, coverMass: 0.5, extras: ["mask"] });
    expect(asked.density).toBeGreaterThan(0);
    expect(Object.keys(asked.tensors).sort()).toEqual(["counts", "indices", "output"]);
  });
});
