import type { DType } from "./dtype.js";

export type Float8 = Extract<DType, "f8e4m3" | "f8e5m2">;

export const isFloat8 = (dtype: DType): dtype is Float8 => dtype === "f8e4m3" || dtype === "f8e5m2";

const FORMAT = {
  // No infinity; S.1111.111 alone is NaN, so that 448 is the largest number.
  f8e4m3: { mantissaBits: 3, bias: 7, largestCode: 0x7e, overflow: 0x7f },
  f8e5m2: { mantissaBits: 2, bias: 15, largestCode: 0x7b, overflow: 0x7c },
} as const;

function decodePositive(code: number, dtype: Float8): number {
  const { mantissaBits, bias, largestCode } = FORMAT[dtype];
  if (code > largestCode) return dtype === "f8e5m2" && code === 0x7c ? Number.POSITIVE_INFINITY : Number.NaN;
  const exponent = code >> mantissaBits;
  const mantissa = (code & ((1 << mantissaBits) - 1)) / (1 << mantissaBits);
  return exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias);
}

const tables = new Map<Float8, Float32Array>();

/** The numbers that all 256 codes of an 8-bit format stand for. */
export function float8Table(dtype: Float8): Float32Array {
  let table = tables.get(dtype);
  if (!table) {
    table = Float32Array.from({ length: 256 }, (_, code) => {
      const value = decodePositive(code & 0x7f, dtype);
      return code & 0x80 ? -value : value;
    });
    tables.set(dtype, table);
  }
  return table;
}

/**
 * The code nearest to a number, ties to even.
 *
 * Beyond the largest number of the format (and half a step) e5m2 gives infinity and e4m3 NaN, as PyTorch does.
 */
export function encodeFloat8(value: number, dtype: Float8): number {
  const { largestCode, overflow } = FORMAT[dtype];
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return 0x7f | sign;
  const table = float8Table(dtype);
  let low = 0;
  let high = largestCode;
  // Codes of positive numbers ascend with their values: the last one not above the magnitude.
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (table[middle] <= magnitude) low = middle;
    else high = middle - 1;
  }
  const step = low === largestCode ? table[low] - table[low - 1] : table[low + 1] - table[low];
  const rest = magnitude - table[low];
  const up = rest > step / 2 || (rest === step / 2 && (low & 1) === 1);
  const code = up ? low + 1 : low;
  return (code > largestCode ? overflow : code) | sign;
}
