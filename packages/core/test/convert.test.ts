import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16ToNumber, convert, f16ToF32Bits, f16ToNumber, f32ToBf16Bits, f32ToF16Bits } from "../src/index.js";

/** The value of a float16 code, from the format's definition. */
function f16Definition(code: number): number {
  const sign = code >> 15 ? -1 : 1;
  const exponent = (code >> 10) & 31;
  const mantissa = code & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + mantissa / 1024) : sign * 2 ** -24 * mantissa;
}

const word = new DataView(new ArrayBuffer(4));
const bitsOf = (value: number) => {
  word.setFloat32(0, value);
  return word.getUint32(0);
};
const codes = Array.from({ length: 65536 }, (_, code) => code);

describe("float16", () => {
  it("widens every code exactly, signed zeros and NaN included", () => {
    const wrong = codes.filter((code) => !Object.is(f16ToNumber(code), f16Definition(code)));
    expect(wrong).toEqual([]);
  });

  it("survives the way there and back with every bit, NaN payloads included", () => {
    expect(codes.filter((code) => f32ToF16Bits(f16ToF32Bits(code)) !== code)).toEqual([]);
  });

  it("rounds to the nearest code, ties to even", () => {
    const finite = codes.filter((code) => code < 0x7c00);
    const wrong = finite.slice(0, -1).filter((code) => {
      const low = f16Definition(code);
      const high = f16Definition(code + 1);
      const tie = bitsOf((low + high) / 2);
      const even = code & 1 ? code + 1 : code;
      return f32ToF16Bits(tie) !== even || f32ToF16Bits(tie - 1) !== code || f32ToF16Bits(tie + 1) !== code + 1;
    });
    expect(wrong).toEqual([]);
  });

  it("overflows to infinity from 65520 on", () => {
    expect(f32ToF16Bits(bitsOf(65519.996))).toBe(0x7bff);
    expect(f32ToF16Bits(bitsOf(65520))).toBe(0x7c00);
    expect(f32ToF16Bits(bitsOf(-Infinity))).toBe(0xfc00);
  });
});

describe("bfloat16", () => {
  it("widens and narrows every code", () => {
    const wrong = codes.filter((code) => {
      const back = f32ToBf16Bits((code << 16) >>> 0);
      return back !== code || !Object.is(bf16ToNumber(code), wordValue((code << 16) >>> 0));
    });
    expect(wrong).toEqual([]);
  });

  it("keeps NaN a NaN when its payload sits in the dropped half", () => {
    expect(f32ToBf16Bits(0x7f800001)).toBe(0x7fc0);
  });

  it("rounds to nearest, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const bits = bitsOf(value);
        const low = bits >>> 16;
        const rest = bits & 0xffff;
        const expected = rest > 0x8000 || (rest === 0x8000 && low & 1) ? low + 1 : low;
        expect(f32ToBf16Bits(bits)).toBe(expected);
      }),
    );
  });
});

function wordValue(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}

describe("convert", () => {
  it("never aliases its source", () => {
    const source = Float32Array.of(1, 2, 3);
    const same = convert(source, "f32", "f32");
    same[0] = 9;
    expect(source[0]).toBe(1);
  });

  it("goes through every pair of float types", () => {
    const values = [0, -0, 1, -2.5, 60000, 2 ** -14];
    for (const from of ["f64", "f32", "f16", "bf16"] as const)
      for (const to of ["f64", "f32", "f16", "bf16"] as const) {
        const start = convert(Float64Array.from(values), "f64", from);
        const through = convert(convert(start, from, to), to, "f64");
        const direct = convert(start, from, "f64");
        const exact = to === "f64" || to === "f32" || to === from;
        if (exact) expect(Array.from(through)).toEqual(Array.from(direct));
        else
          for (const [i, x] of through.entries())
            expect(Math.abs(x - direct[i])).toBeLessThanOrEqual(Math.abs(direct[i]) / 128);
      }
  });
});
