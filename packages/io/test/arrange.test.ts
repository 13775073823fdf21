import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { arrangeCapture } from "../src/index.js";

const counting = (shape: readonly number[], dtype: "f32" | "f64" = "f32") => {
  const tensor = new HostTensor(dtype, shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = i;
  return tensor;
};
const same = (tensor: HostTensor) => ({ query: tensor, key: tensor, value: tensor });

describe("arrays of other tools", () => {
  it("have heads behind tokens", () => {
    const { query } = arrangeCapture(same(counting([1, 3, 2, 1])), { layout: "bthd" });
    expect(query.shape).toEqual([1, 2, 3, 1]);
    expect([...query.data]).toEqual([0, 2, 4, 1, 3, 5]);
  });

  it("have text in front", () => {
    const { query, textTokens, textValid } = arrangeCapture(same(counting([1, 2, 3, 1])), {
      text: "front",
      textTokens: 1,
    });
    expect([...query.data]).toEqual([1, 2, 0, 4, 5, 3]);
    expect([textTokens, textValid]).toEqual([1, [1]]);
  });

  it("have no batch, or are of float64", () => {
    const { query } = arrangeCapture(same(counting([2, 3, 1], "f64")));
    expect([query.dtype, query.shape]).toEqual(["f32", [1, 2, 3, 1]]);
  });

  it("are refused where they do not fit", () => {
    expect(() => arrangeCapture(same(counting([2, 3])))).toThrow(/query must be \[batch, heads, tokens, headDim\]/);
    expect(() => arrangeCapture({ ...same(counting([1, 2, 3, 1])), key: counting([1, 2, 4, 1]) })).toThrow(/key is/);
    expect(() => arrangeCapture(same(counting([1, 2, 8, 1])), { grid: [1, 2, 3] })).toThrow(
      /grid 1x2x3 does not match 8/,
    );
    expect(() => arrangeCapture(same(counting([1, 2, 3, 1])), { textTokens: 3 })).toThrow(/none is left for the video/);
  });
});
