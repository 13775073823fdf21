import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { hostElementwise } from "../src/index.js";

describe("hostElementwise", () => {
  const f16 = (values: number[]) => new HostTensor("f32", [values.length], Float32Array.from(values)).to("f16");

  it("adds, subtracts and measures in the tensors' own type", async () => {
    const [a, b, out] = [f16([1, 2]), f16([0.5, -4]), f16([0, 0])];
    await hostElementwise.add(a, b, out);
    expect(Array.from(out.toFloat32())).toEqual([1.5, -2]);
    await hostElementwise.subtract(a, b, out);
    expect(Array.from(out.toFloat32())).toEqual([0.5, 6]);
    expect(await hostElementwise.meanAbsolute(a, b)).toBe(3.25);
    expect(await hostElementwise.meanAbsolute(b)).toBe(2.25);
  });

  it("refuses tensors that do not match", () => {
    expect(() => hostElementwise.add(f16([1]), f16([1, 2]), f16([1]))).toThrow(/must match/);
  });
});
