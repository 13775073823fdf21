import vm from "node:vm";
import { describe, expect, it, vi } from "vitest";
import {
  byteLength,
  type DType,
  describeValue,
  HostTensor,
  isHostTensor,
  isSpaAttnError,
  throwIfAborted,
} from "../src/index.js";

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

describe("identity across realms and copies", () => {
  const other = vm.runInNewContext("({ Float32Array, Uint16Array, Int32Array, Uint8Array, Float64Array, Array })");

  it.each([
    ["f64", "Float64Array"],
    ["f32", "Float32Array"],
    ["f16", "Uint16Array"],
    ["bf16", "Uint16Array"],
    ["i32", "Int32Array"],
    ["u8", "Uint8Array"],
  ] as const)("%s over a %s of another realm", async (dtype, name) => {
    const data = other[name].from([1, 2, 3]);
    const tensor = new HostTensor(dtype, other.Array.from([3]), data);
    expect(tensor.data).toBe(data);
    const { data: copy } = await tensor.read();
    expect(Array.from(copy as ArrayLike<number>)).toEqual([1, 2, 3]);
    expect(new HostTensor(dtype, [3], data).to("f64").data.length).toBe(3);
  });

  it("is not taken in by a tag alone", () => {
    const fake = { [Symbol.toStringTag]: "Float32Array", length: 3 };
    expect(() => new HostTensor("f32", [3], fake as never)).toThrow(TypeError);
    expect(() => new HostTensor("f32", [3], new DataView(new ArrayBuffer(12)) as never)).toThrow("got DataView(12)");
  });

  it("knows tensors and errors of a second copy of the package", async () => {
    vi.resetModules();
    const copy = await import("../src/index.js");
    expect(copy.HostTensor).not.toBe(HostTensor);
    expect(isHostTensor(new copy.HostTensor("f32", [2]))).toBe(true);
    expect(copy.isHostTensor(new HostTensor("f32", [2]))).toBe(true);
    expect(isHostTensor({ dtype: "f32", shape: [2] } as never)).toBe(false);
    try {
      copy.throwIfAborted(AbortSignal.abort());
    } catch (error) {
      expect(isSpaAttnError(error, "Aborted")).toBe(true);
    }
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow("cancelled");
  });
});

describe("describeValue", () => {
  it.each<[unknown, string]>([
    ["0.5", '"0.5"'],
    ["", '""'],
    [0.5, "0.5"],
    [Number.NaN, "NaN"],
    [null, "null"],
    [undefined, "undefined"],
    [[0.5, Number.NaN], '[0.5,"NaN"]'],
    [{ kind: "topK" }, '{"kind":"topK"}'],
    [Float32Array.of(1, 2), "Float32Array(2)"],
    [new Map(), "Map"],
    [12n, "12n"],
  ])("case %#", (value, text) => expect(describeValue(value)).toBe(text));

  it("survives values that refer to themselves", () => {
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    expect(describeValue(loop)).toBe("an Object that refers to itself");
  });
});
