import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { convert, encodeFloat8, type Float8, float8Table } from "../src/index.js";

describe.each(["f8e4m3", "f8e5m2"] satisfies Float8[])("%s", (dtype) => {
  const table = float8Table(dtype);

  it("decodes and encodes every code to itself", () => {
    for (let code = 0; code < 256; code++)
      if (!Number.isNaN(table[code])) expect(encodeFloat8(table[code], dtype)).toBe(code);
  });

  it("has the limits of the format", () => {
    expect(table[0x01]).toBe(dtype === "f8e4m3" ? 2 ** -9 : 2 ** -16);
    expect(Math.max(...Array.from(table).filter(Number.isFinite))).toBe(dtype === "f8e4m3" ? 448 : 57344);
    expect(Number.isNaN(table[0x7f])).toBe(true);
    expect(Array.from(table).includes(Number.POSITIVE_INFINITY)).toBe(dtype === "f8e5m2");
  });

  it("rounds to the nearest number, ties to even", () => {
    const finite = Array.from(table).filter(Number.isFinite);
    fc.assert(
      fc.property(fc.double({ min: -440, max: 440, noNaN: true }), (x) => {
        const got = table[encodeFloat8(x, dtype)];
        const best = Math.min(...finite.map((y) => Math.abs(x - y)));
        return Math.abs(x - got) === best;
      }),
    );
    const tie = (table[8] + table[9]) / 2;
    expect(encodeFloat8(tie, dtype)).toBe(8);
    expect(encodeFloat8((table[9] + table[10]) / 2, dtype)).toBe(10);
  });

  it("keeps what does not fit from becoming a number", () => {
    expect(Number.isFinite(table[encodeFloat8(1e9, dtype)])).toBe(false);
    expect(table[encodeFloat8(Number.NaN, dtype)]).toBeNaN();
    expect(Array.from(convert(Float32Array.of(1, -2, 0.5), "f32", dtype), (code) => table[code])).toEqual([1, -2, 0.5]);
  });
});
