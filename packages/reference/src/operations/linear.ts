import { elementCount } from "@spaattn/core";
import { activate, type BlockFormat, dequantiseRow, rowBytes } from "@spaattn/nn";
import type { Operand } from "../operand.js";
import { rowOf } from "./modulation.js";
import type { Compute } from "./operation.js";
import { products } from "./products.js";

/** y = residual + gate * act(x Wᵀ + bias) (* (x W2ᵀ + bias2)) */
export const linear: Compute<"linear"> = async ({ attrs, in: inputs, out, pace }) => {
  const { x, bias, bias2, gate, index, residual } = inputs;
  const { shape } = out.y;
  const n = shape[shape.length - 1];
  const k = x.shape[x.shape.length - 1];
  const rows = elementCount(shape) / n;
  const weight = matrix(inputs.weight, inputs.scale, n, k, attrs.format);
  const weight2 = inputs.weight2 && matrix(inputs.weight2, inputs.scale2, n, k, attrs.format);
  const gateRow = gate && rowOf(gate, index, shape);
  const y = new Float64Array(rows * n);
  const other = new Float64Array(n);
  for (let m = 0; m < rows; m++) {
    const input = x.values.subarray(m * k, (m + 1) * k);
    const row = y.subarray(m * n, (m + 1) * n);
    products(input, weight, row);
    for (let i = 0; i < n; i++) row[i] = activate(attrs.activation, row[i] + (bias ? bias.values[i] : 0));
    if (weight2) {
      products(input, weight2, other);
      for (let i = 0; i < n; i++) row[i] *= other[i] + (bias2 ? bias2.values[i] : 0);
    }
    if (gate && gateRow) {
      const at = gateRow(m);
      for (let i = 0; i < n; i++) row[i] *= gate.values[at + i];
    }
    if (residual) for (let i = 0; i < n; i++) row[i] += residual.values[m * n + i];
    const wait = pace(m / rows);
    if (wait) await wait;
  }
  return { y };
};

/** A weight `[n, k]` as numbers: block-quantised rows decoded, 8-bit ones scaled. */
function matrix(weight: Operand, scale: Operand | undefined, n: number, k: number, format?: BlockFormat): Float64Array {
  const values = format ? decode(weight.raw as Uint8Array, n, k, format) : weight.values;
  if (!scale) return values;
  const factor = scale.values;
  return values.map((value, i) => value * factor[factor.length === 1 ? 0 : Math.floor(i / k)]);
}

function decode(raw: Uint8Array, n: number, k: number, format: BlockFormat): Float64Array {
  const bytes = rowBytes(format, k);
  const values = new Float64Array(n * k);
  for (let row = 0; row < n; row++)
    values.set(dequantiseRow(format, raw.subarray(row * bytes, (row + 1) * bytes), k), row * k);
  return values;
}
