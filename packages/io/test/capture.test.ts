import { join } from "node:path";
import { HostTensor } from "@spaattn/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectFailure, goldenFolder, inTemporaryFolder } from "../../weights/test/helpers.js";
import {
  type CaptureInput,
  captureContents,
  captureSpec,
  encodeSafetensors,
  isCapture,
  openSafetensors,
  readCapture,
} from "../src/index.js";
import { readCaptureFile, writeCaptureFile } from "../src/node.js";

const SHAPE = [2, 3, 26, 8];
const tensor = (dtype: "f32" | "f16" | "bf16" | "i32" = "f16", shape = SHAPE) => {
  const made = new HostTensor(dtype, shape);
  for (let i = 0; i < made.length; i++) made.data[i] = (i * 31) % 30_000;
  return made;
};
const full = (): CaptureInput => ({
  query: tensor(),
  key: tensor(),
  value: tensor(),
  grid: [2, 3, 4],
  tokenOrder: "raster",
  textTokens: 2,
  textValid: [0, 2],
  axisOrder: ["t", "h", "w"],
  scale: 0.25,
  blockSize: 64,
  model: "wan2.1",
  layer: 7,
  step: 12,
});

const encode = (capture: CaptureInput) => {
  const { tensors, metadata } = captureContents(capture);
  return encodeSafetensors(tensors, metadata);
};

describe("captures", () => {
  it("keeps tensors and facts", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "one.safetensors");
      await writeCaptureFile(path, full());
      const read = await readCaptureFile(path);
      const { query, key, value, ...facts } = full();
      expect(read).toMatchObject(facts);
      expect(read.query.data).toEqual((query as HostTensor).data);
      await expectFailure(writeCaptureFile(path, full()), "FileAccess", /exists already/);
    });
  });

  it("fills in what is left out", async () => {
    const { query, key, value } = full();
    const read = await readCapture(await encode({ query, key, value }));
    expect(read).toMatchObject({ tokenOrder: "curve", textTokens: 0, textValid: [0, 0], axisOrder: ["w", "h", "t"] });
    expect(read.grid).toBeUndefined();
    expect(await readCapture(await encode({ query, key, value, grid: [1, 2, 13] }))).toMatchObject({
      tokenOrder: "raster",
    });
  });

  it("gives the spec of the call it was taken from", async () => {
    expect(captureSpec(await readCapture(await encode(full())))).toEqual({
      batch: 2,
      heads: 3,
      headDim: 8,
      visualTokens: 24,
      textTokens: 2,
      textValid: [0, 2],
      dtype: "f16",
      scale: 0.25,
      blockSize: 64,
    });
  });

  it("reads files of other tools with q, k and v", async () => {
    const file = await encodeSafetensors(
      { q: tensor(), k: tensor(), v: tensor(), other: new HostTensor("i32", [3]) },
      { grid_thw: "[2, 3, 4]", n_text: "2", text_valid: "1", softmax_scale: "0.5", adapter: "mine" },
    );
    const opened = await openSafetensors(file);
    expect(isCapture(opened)).toBe(true);
    expect(await readCapture(opened)).toMatchObject({
      grid: [2, 3, 4],
      tokenOrder: "curve",
      textTokens: 2,
      textValid: [1, 1],
      scale: 0.5,
      model: "mine",
    });
  });

  it("reads the golden cases", async (ctx) => {
    const folder = goldenFolder(ctx);
    expect(await readCaptureFile(join(folder, "hunyuan_clip.safetensors"))).toMatchObject({
      grid: [4, 16, 16],
      textTokens: 256,
      textValid: [23, 140],
      model: "hunyuan",
    });
    expect(await readCaptureFile(join(folder, "wan21_t2v_a.safetensors"))).toMatchObject({
      textTokens: 0,
      textValid: [0],
    });
    await expectFailure(
      readCaptureFile(join(folder, "wan21_t2v_a.tail.safetensors")),
      "MalformedFile",
      /no tensor "query"/,
    );
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["a newer format", { format: "spaattn-capture/2" }, /newer than this version/],
    ["a grid of two sizes", { grid: "[2, 3]" }, /grid must be three positive integers/],
    ["a grid of another size", { grid: "[2, 3, 5]" }, /grid 2x3x5 does not match 24 visual tokens/],
    ["an unknown token order", { token_order: "spiral" }, /token_order must be raster or curve/],
    ["an unknown axis order", { axis_order: '["w", "w", "t"]' }, /axis_order must be a permutation/],
    ["more valid text than text", { text_valid: "[3, 0]" }, /text_valid is 3, but there are only 2/],
    ["text lengths for another batch", { text_valid: "[1]" }, /lists 1 values, but the batch has 2/],
    ["only text", { text_tokens: "26", text_valid: "0" }, /none is left for the video/],
    ["a scale that is no number", { scale: '"large"' }, /scale must be a finite number/],
    ["a block size of 100", { block_size: "100" }, /block_size must be 64 or 128/],
    ["a layer that is not JSON", { layer: "seven" }, /layer must be a non-negative integer, got "seven"/],
  ])("refuses %s", async (_, change, message) => {
    const { tensors, metadata } = captureContents(full());
    await expectFailure(
      readCapture(await encodeSafetensors(tensors, { ...metadata, ...change })),
      "MalformedFile",
      message,
    );
  });

  it("refuses tensors that do not belong together", async () => {
    const file = (changes: Record<string, HostTensor>) =>
      encodeSafetensors({ q: tensor(), k: tensor(), v: tensor(), ...changes });
    await expectFailure(
      readCapture(await file({ k: tensor("bf16") })),
      "MalformedFile",
      /key is bf16, but query is f16/,
    );
    await expectFailure(
      readCapture(await file({ v: tensor("f16", [2, 3, 25, 8]) })),
      "MalformedFile",
      /value is \[2, 3, 25, 8\]/,
    );
    await expectFailure(
      readCapture(await file({ q: tensor("i32") })),
      "MalformedFile",
      /query must be F32, F16 or BF16, got i32/,
    );
    await expectFailure(
      readCapture(await file({ q: tensor("f16", [3, 26, 8]) })),
      "MalformedFile",
      /query must be \[batch/,
    );
    await expectFailure(
      readCapture(await file({ q: tensor("f16", [2 ** 40, 0, 1, 1]) })),
      "MalformedFile",
      /not empty/,
    );
    await expectFailure(readCapture(await encodeSafetensors({ q: tensor() })), "MalformedFile", /no tensor "key"/);
  });

  it("refuses to write a capture that could not be read", () => {
    expect(() => captureContents({ ...full(), grid: [1, 1, 1] })).toThrow(/capture: grid 1x1x1 does not match/);
    expect(() => captureContents({ ...full(), value: tensor("f32") })).toThrow(/capture: value is f32/);
  });

  it("survives any metadata", async () => {
    const names = ["grid", "text_tokens", "text_valid", "token_order", "axis_order", "scale", "block_size", "layer"];
    const value = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom("[2,3,4]", "2", "[0,2]", "raster", "1e999", "-1", "null"),
    );
    const { tensors } = captureContents(full());
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), value), async (metadata) => {
        const outcome = await readCapture(await encodeSafetensors(tensors, metadata)).catch((error) => error.code);
        if (outcome === "MalformedFile") return;
        expect(outcome.textTokens).toBeLessThan(26);
        expect(outcome.textValid).toHaveLength(2);
        if (outcome.grid) expect(outcome.grid.reduce((a: number, b: number) => a * b)).toBe(26 - outcome.textTokens);
      }),
      { numRuns: 1000 },
    );
  });
});
