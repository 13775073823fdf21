import { type AttentionSpec, type Backend, createAttention } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../src/index.js";

const HEAD_DIM = 16;
const TEXT = 9;

/** A ragged grid of a text model, small enough to attend by hand. */
const reduced = (name: string, tokenOrder: "raster" | "curve") =>
  createModel(name, {
    size: { frames: name === "flux.1-dev" ? 1 : 9, height: 144, width: 112 },
    architecture: { heads: 2, headDim: HEAD_DIM, rotary: { theta: 10_000, axes: [4, 6, 6] } },
    blockSize: 64,
    dropRate: 0,
    textTokens: TEXT,
    tokenOrder,
  });

const values = (shape: readonly number[], seed: number) =>
  new HostTensor(
    "f32",
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 1.7 + seed) * 1.5),
  );

/** Softmax attention in double precision over the rows and keys that are valid. */
function attend(q: HostTensor<"f32">, k: HostTensor<"f32">, v: HostTensor<"f32">, valid: boolean[][]): Float64Array {
  const [batch, heads, tokens, d] = q.shape;
  const out = new Float64Array(q.length);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const base = (b * heads + h) * tokens * d;
      for (let i = 0; i < tokens; i++) {
        if (!valid[b][i]) continue;
        const weights = Array.from({ length: tokens }, (_, j) => {
          let dot = 0;
          for (let c = 0; c < d; c++) dot += q.data[base + i * d + c] * k.data[base + j * d + c];
          return valid[b][j] ? Math.exp(dot / Math.sqrt(d)) : 0;
        });
        const sum = weights.reduce((x, y) => x + y, 0);
        for (let j = 0; j < tokens; j++)
          for (let c = 0; c < d; c++) out[base + i * d + c] += (weights[j] / sum) * v.data[base + j * d + c];
      }
    }
  return out;
}

describe.each(["hunyuanvideo", "flux.1-dev", "cogvideox1.5-t2v"])("the sequence of %s", (name) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await cpu.create();
  });
  afterAll(() => backend.dispose());

  const run = async (spec: AttentionSpec, io: Record<"query" | "key" | "value", HostTensor<"f32">>) => {
    const attention = await createAttention(backend, spec);
    const { output } = await attention.run(io);
    return (await output.read()).toFloat32();
  };

  it("goes in and comes out as the model has it, text valid per batch item", async () => {
    const adapter = reduced(name, "raster");
    const { visualTokens } = adapter.geometry();
    const { batch } = adapter.settings;
    const textValid = Array.from({ length: batch }, (_, b) => 5 - 2 * b);
    const shape = [batch, 2, visualTokens + TEXT, HEAD_DIM];
    const io = { query: values(shape, 1), key: values(shape, 2), value: values(shape, 3) };
    const textStart = adapter.card.text?.order === "front" ? 0 : visualTokens;
    const valid = textValid.map((count) =>
      Array.from({ length: shape[2] }, (_, i) => {
        const slot = i - textStart;
        return slot < 0 || slot >= TEXT || slot < count;
      }),
    );
    const expected = attend(io.query, io.key, io.value, valid);
    const spec = adapter.attention({ layer: 0, step: 20, textValid });
    expect(spec.dense).toBe(false);
    const output = await run(spec, io);
    for (let i = 0; i < output.length; i++) expect(Math.abs(output[i] - expected[i])).toBeLessThan(1e-5);
  });

  it("gives the same along the curve, for tokens permuted once", async () => {
    const [raster, curve] = [reduced(name, "raster"), reduced(name, "curve")];
    const { order } = curve.layout();
    const { batch } = curve.settings;
    const shape = [batch, 2, order.length, HEAD_DIM];
    const io = { query: values(shape, 4), key: values(shape, 5), value: values(shape, 6) };
    const move = (tensor: HostTensor<"f32">) => {
      const moved = new HostTensor("f32", shape);
      for (let row = 0; row < batch * 2; row++)
        for (const [to, from] of order.entries()) {
          const base = row * order.length;
          const source = tensor.data.subarray((base + from) * HEAD_DIM, (base + from + 1) * HEAD_DIM);
          moved.data.set(source, (base + to) * HEAD_DIM);
        }
      return moved;
    };
    const call = { layer: 0, step: 20 };
    const plain = await run(raster.attention(call), io);
    const along = await run(curve.attention(call), {
      query: move(io.query),
      key: move(io.key),
      value: move(io.value),
    });
    expect(along).toEqual(move(new HostTensor("f32", shape, plain)).data);
  });
});
