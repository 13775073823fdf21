import { describe, expect, it } from "vitest";
import { byteLength, type DType, HostTensor, isSpaAttnError } from "../src/index.js";

describe("HostTensor", () => {
  it("wraps memory without copying, and owns what it allocates", () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const wrapped = new HostTensor("f32", [2, 2], data);
    expect(wrapped.data).toBe(data);
    expect(wrapped.owned).toBe(false);
    expect(new HostTensor("bf16", [3]).owned).toBe(true);
    expect(byteLength(wrapped)).toBe(16);
  });

  it("names the wrong argument", () => {
    expect(() => new HostTensor("f32", [3], Float32Array.of(1))).toThrow(/1 elements.*needs 3/);
    expect(() => new HostTensor("f16", [1], Float32Array.of(1) as never)).toThrow(/f16 tensor must be a Uint16Array/);
    expect(() => new HostTensor("f32", [-1])).toThrow(/shape\[0\]/);
    expect(() => new HostTensor("f8" as DType, [1])).toThrow(TypeError);
  });

  it("refuses its data after dispose, twice over", () => {
    const tensor = new HostTensor("i32", [1]);
    tensor.dispose();
    tensor.dispose();
    expect(tensor.disposed).toBe(true);
    try {
      tensor.data;
      expect.unreachable();
    } catch (error) {
      expect(isSpaAttnError(error, "Disposed")).toBe(true);
    }
  });

  it("reads a copy", async () => {
    const tensor = new HostTensor("u8", [2], Uint8Array.of(1, 2));
    const copy = await tensor.read();
    copy.data[0] = 7;
    expect(tensor.data[0]).toBe(1);
  });
});
