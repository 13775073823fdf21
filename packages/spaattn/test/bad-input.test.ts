import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { rectifiedAttention, topBlocks } from "../src/index.js";
import { qkv } from "./inputs.js";

const [q, k, v] = qkv(2 * 256 * 64);
const shape = { heads: 2, headDim: 64 };
const withOptions = (options: object) => rectifiedAttention(q, k, v, options as never);

describe("wrong arguments are named", () => {
  it.each([
    [{}, TypeError, "options.heads and options.headDim (or options.shape) must say what the arrays hold"],
    [{ heads: 2 }, TypeError, "options.heads and options.headDim"],
    [
      { heads: 3, headDim: 64 },
      RangeError,
      "query has 32768 elements, which is no multiple of batch * heads * headDim = 1 * 3 * 64",
    ],
    [{ heads: 0, headDim: 64 }, RangeError, "options.heads must be a positive integer, got 0"],
    [{ ...shape, batch: 1.5 }, RangeError, "options.batch must be a positive integer, got 1.5"],
    [{ shape: [1, 2, 256] }, RangeError, "options.shape must be [batch, heads, tokens, headDim], got [1,2,256]"],
    [{ shape: [1, 2, 255, 64] }, RangeError, "query has 32768 elements, but shape [1, 2, 255, 64] needs 32640"],
    [{ shape: [1, 2, 256, 64], heads: 4 }, RangeError, "options.heads is 4, but options.shape is [1, 2, 256, 64]"],
    [
      { ...shape, grid: [2, 8, 32] },
      RangeError,
      "512 visual and 0 text tokens were described, but query has 256 per head",
    ],
    [{ ...shape, grid: [2, 8] }, RangeError, "options.grid must be [t, h, w], got [2,8]"],
    [{ ...shape, grid: [2, 0, 8] }, RangeError, "options.grid[1] must be a positive integer, got 0"],
    [
      { ...shape, grid: [1, 8, 16], visualTokens: 100 },
      RangeError,
      "options.visualTokens is 100, but options.grid 1x8x16 has 128 tokens",
    ],
    [{ ...shape, tokenOrder: "raster" }, TypeError, 'options.tokenOrder "raster" needs options.grid or options.layout'],
    [{ ...shape, tokenOrder: "spiral" }, RangeError, 'options.tokenOrder must be raster or curve, got "spiral"'],
    [{ ...shape, dropRate: 1.2 }, RangeError, "dropRate must be between 0 and 1, got 1.2"],
    [{ ...shape, dropRate: [0.5, 0.5, 0.5] }, RangeError, "dropRate lists 3 values, but there are 2 heads"],
    [{ ...shape, coverMass: -1 }, RangeError, "coverMass must be between 0 and 1, got -1"],
    [
      { ...shape, policy: topBlocks({ dropRate: 0.5 }), dropRate: 0.5 },
      TypeError,
      "options.policy excludes options.dropRate",
    ],
    [
      { ...shape, rectify: "magic" },
      RangeError,
      'options.rectify must be none or paper or tail or levels, got "magic"',
    ],
    [
      { ...shape, textTokens: 56, textValid: 57 },
      RangeError,
      "options.textValid[0] is 57, but there are only 56 text tokens",
    ],
    [{ ...shape, blockSize: 96 }, RangeError, "options.blockSize must be 64 or 128, got 96"],
    [{ ...shape, dropRat: 0.8 }, TypeError, "options.dropRat is not known"],
    [{ ...shape, dtype: "f16" }, TypeError, 'query holds f32, but options.dtype is "f16"'],
    [{ ...shape, extras: ["factor"] }, RangeError, 'options.extras: factor does not exist with rectify "tail"'],
    [{ ...shape, backend: 7 }, TypeError, "backend must be a name, a package, a file or a BackendProvider"],
  ])("%j", async (options, kind, message) => {
    const failure = await withOptions(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(message);
  });

  it("options that are no object, inputs that are no arrays", async () => {
    await expect(rectifiedAttention(q, k, v, null as never)).rejects.toThrow("options must be an object, got null");
    await expect(rectifiedAttention([1, 2] as never, k, v, shape)).rejects.toThrow(
      "query must be a Float32Array, Uint16Array, Float16Array or tensor, got [1,2]",
    );
    await expect(rectifiedAttention(q, undefined as never, v, shape)).rejects.toThrow(
      /^key must be a .* got undefined/,
    );
    await expect(rectifiedAttention(q, k, new Float64Array(q.length) as never, shape)).rejects.toThrow(
      "got Float64Array",
    );
  });

  it("inputs that do not fit each other", async () => {
    await expect(rectifiedAttention(q, k.subarray(64), v, shape)).rejects.toThrow(
      "key has 32704 elements, but shape [1, 2, 256, 64] needs 32768",
    );
    await expect(rectifiedAttention(q, k, new Uint16Array(q.length), shape)).rejects.toThrow(
      'value is a Uint16Array: options.dtype must say whether it holds "f16" or "bf16"',
    );
    const other = new HostTensor("f32", [1, 2, 128, 128], k);
    await expect(rectifiedAttention(q as never, other as never, v as never, shape)).rejects.toThrow(
      "key must have shape [1, 2, 256, 64], got [1, 2, 128, 128]",
    );
    const bytes = new HostTensor("u8", [1, 2, 256, 64]);
    await expect(rectifiedAttention(bytes, bytes, bytes)).rejects.toThrow(
      "query must be f32, f16 or bf16, got a u8 tensor",
    );
  });

  it("detached buffers", async () => {
    const gone = q.slice();
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    await expect(rectifiedAttention(gone, k, v, shape)).rejects.toThrow("query has 0 elements");
  });
});
