import { createAttention } from "@spaattn/attention";
import { f16ToNumber, HostTensor } from "@spaattn/core";
import { videoLayout } from "@spaattn/layout";
import { reference } from "@spaattn/reference";
import { afterAll, describe, expect, it } from "vitest";
import { rectifiedAttention, releaseBackends, topBlocks } from "../src/index.js";
import { largestDifference, qkv, toF16 } from "./inputs.js";

const [heads, headDim, tokens] = [2, 64, 640];
const length = heads * tokens * headDim;
const [q, k, v] = qkv(length);
const shape = { heads, headDim };

afterAll(releaseBackends);

/** Softmax attention in double precision, for one head. */
function dense(head: number, query: number): number[] {
  const at = (array: Float32Array, token: number) =>
    array.subarray((head * tokens + token) * headDim, (head * tokens + token + 1) * headDim);
  const logits = Array.from({ length: tokens }, (_, key) =>
    at(q, query).reduce((sum, x, i) => sum + (x * at(k, key)[i]) / Math.sqrt(headDim), 0),
  );
  const top = Math.max(...logits);
  const weights = logits.map((x) => Math.exp(x - top));
  const total = weights.reduce((a, b) => a + b);
  return Array.from({ length: headDim }, (_, i) =>
    weights.reduce((sum, w, key) => sum + (w * at(v, key)[i]) / total, 0),
  );
}

describe("rectifiedAttention", () => {
  it("equals softmax attention when nothing is dropped", async () => {
    const { data, density, output } = await rectifiedAttention(q, k, v, { ...shape, dropRate: 0 });
    expect(density).toBe(1);
    expect(output.shape).toEqual([1, heads, tokens, headDim]);
    for (const [head, token] of [
      [0, 0],
      [1, 639],
    ]) {
      const start = (head * tokens + token) * headDim;
      expect(largestDifference(data.subarray(start, start + headDim), dense(head, token))).toBeLessThan(1e-5);
    }
  });

  it("gives what the same attention gives through the core", async () => {
    const backend = await reference.create();
    const policy = topBlocks({ dropRate: 0.6 });
    const attention = await createAttention(backend, { heads, headDim, visualTokens: tokens, rectify: "tail", policy });
    const tensor = (data: Float32Array) => new HostTensor("f32", [1, heads, tokens, headDim], data);
    const expected = await attention.run({ query: tensor(q), key: tensor(k), value: tensor(v) });
    const { data, density } = await rectifiedAttention(q, k, v, { ...shape, dropRate: 0.6 });
    expect(largestDifference(data, (expected.output as HostTensor<"f32">).data)).toBeLessThan(1e-5);
    expect(density).toBeCloseTo(0.4);
  });

  it("puts raster tokens along the curve and back", async () => {
    const grid = [5, 8, 16] as const;
    const { order } = videoLayout({ grid });
    const alongCurve = (array: Float32Array) => {
      const sorted = new Float32Array(length);
      for (let row = 0; row < heads * tokens; row++) {
        const from = (Math.floor(row / tokens) * tokens + order[row % tokens]) * headDim;
        sorted.set(array.subarray(from, from + headDim), row * headDim);
      }
      return sorted;
    };
    const raster = await rectifiedAttention(q, k, v, { ...shape, grid, rectify: "none" });
    const curve = await rectifiedAttention(alongCurve(q), alongCurve(k), alongCurve(v), {
      ...shape,
      grid,
      rectify: "none",
      tokenOrder: "curve",
    });
    expect(largestDifference(alongCurve(raster.data), curve.data)).toBeLessThan(1e-6);
    expect(raster.data).not.toEqual(curve.data);
  });

  it("counts text as text, as far as it is valid", async () => {
    const options = { ...shape, grid: [4, 8, 16] as const, textTokens: 128, textValid: 100, dropRate: 0 };
    const { data, tensors } = await rectifiedAttention(q, k, v, { ...options, extras: ["lse"] });
    const row = (token: number) => data.subarray(token * headDim, (token + 1) * headDim);
    expect(row(512 + 99).some((x) => x !== 0)).toBe(true);
    expect(row(512 + 100).every((x) => x === 0)).toBe(true);
    expect(tensors.lse.shape).toEqual([1, heads, tokens]);
    expect(tensors.counts).toBeUndefined();
  });

  it("takes and gives 16-bit numbers", async () => {
    const half = { ...shape, dtype: "f16", dropRate: 0.5 } as const;
    const { data, output } = await rectifiedAttention(toF16(q), toF16(k), toF16(v), half);
    expect(output.dtype).toBe("f16");
    expect(data).toBeInstanceOf(Uint16Array);
    const full = await rectifiedAttention(q, k, v, { ...shape, dropRate: 0.5 });
    expect(largestDifference(Array.from(data, f16ToNumber), full.data)).toBeLessThan(0.02);
    const widened = await rectifiedAttention(toF16(q), toF16(k), toF16(v), { ...half, outputDtype: "f32" });
    expect(widened.data).toBeInstanceOf(Float32Array);
  });

  it("gives a Float16Array for a Float16Array, where there are any", async () => {
    // Node 20 has none; a class with the same tag and buffer stands in for it.
    class Float16Array {
      readonly [Symbol.toStringTag] = "Float16Array" as const;
      readonly bits: Uint16Array;
      constructor(
        readonly buffer: ArrayBufferLike,
        readonly byteOffset: number,
        readonly length: number,
      ) {
        this.bits = new Uint16Array(buffer, byteOffset, length);
      }
    }
    const wrap = (values: Float32Array) => new Float16Array(toF16(values).buffer, 0, values.length);
    const { data } = await rectifiedAttention(wrap(q), wrap(k), wrap(v), { ...shape, dropRate: 0.5 });
    expect(data).toBeInstanceOf(Float16Array);
    const plain = await rectifiedAttention(toF16(q), toF16(k), toF16(v), { ...shape, dtype: "f16", dropRate: 0.5 });
    expect(data.bits).toEqual(plain.data);
  });

  it("takes host tensors with their shape, and running backends", async () => {
    const backend = await reference.create();
    const tensor = (data: Float32Array) => new HostTensor("f32", [1, heads, tokens, headDim], data);
    const host = await rectifiedAttention(tensor(q), tensor(k), tensor(v), { backend, dropRate: 0.5 });
    const named = await rectifiedAttention(q, k, v, { ...shape, dropRate: 0.5, backend: "reference" });
    expect(host.data).toEqual(named.data);
  });

  it("can be cancelled", async () => {
    const signal = AbortSignal.abort();
    await expect(rectifiedAttention(q, k, v, { ...shape, signal })).rejects.toMatchObject({ code: "Aborted" });
  });
});
