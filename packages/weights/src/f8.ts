// Both 8-bit formats have 256 values: a table is the conversion.

/** S.EEEE.MMM, bias 7: no infinities, only all ones is NaN. */
const E4M3 = table((code) => {
  const magnitude = code & 0x7f;
  return magnitude === 0x7f ? Number.NaN : smallFloat(magnitude >> 3, (magnitude & 7) / 8, 7);
});

/** S.EEEEE.MM, bias 15: infinities and NaN as in IEEE 754. */
const E5M2 = table((code) => {
  const exponent = (code >> 2) & 31;
  const fraction = (code & 3) / 4;
  if (exponent === 31) return fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  return smallFloat(exponent, fraction, 15);
});

function smallFloat(exponent: number, fraction: number, bias: number): number {
  return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
}

function table(magnitude: (code: number) => number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, code) => (code & 0x80 ? -magnitude(code) : magnitude(code)));
}

export type F8Format = "F8_E4M3" | "F8_E5M2";

/** The float32 value of every code, exactly. */
export const f8Values = (format: F8Format): Float32Array => (format === "F8_E4M3" ? E4M3 : E5M2);

/** Widens 8-bit floats exactly. */
export function f8ToFloat32(codes: Uint8Array, format: F8Format): Float32Array {
  const values = f8Values(format);
  const out = new Float32Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = values[codes[i]];
  return out;
}
