import type { HostTensor } from "@spaattn/core";
import type { Outcome } from "../check.js";

/** Where the rows of one kind are in a `[b, h, S, d]` tensor. */
interface Rows {
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` with the flat index of every element of the given rows, in one batch item or in all. */
function eachElement(shape: readonly number[], { start, end }: Rows, visit: (at: number) => void, item?: number): void {
  const [batch, heads, tokens, d] = shape;
  for (let plane = 0; plane < batch * heads; plane++) {
    if (item !== undefined && Math.floor(plane / heads) !== item) continue;
    for (let at = (plane * tokens + start) * d; at < (plane * tokens + end) * d; at++) visit(at);
  }
}

/** L2 norm over rows, of one batch item or of all. */
export function norm(full: HostTensor, rows: Rows, item?: number): number {
  const data = full.toFloat32();
  let sum = 0;
  eachElement(full.shape, rows, (at) => void (sum += data[at] ** 2), item);
  return Math.sqrt(sum);
}

/** Relative L2 error over rows. */
export function relativeError(full: HostTensor, dense: HostTensor, rows: Rows): number {
  const [got, exact] = [full.toFloat32(), dense.toFloat32()];
  let [error, size] = [0, 0];
  eachElement(full.shape, rows, (at) => {
    error += (got[at] - exact[at]) ** 2;
    size += exact[at] ** 2;
  });
  return Math.sqrt(error / size);
}

/** `factor` `[b, h, n]` times the visual rows of `sparse`: rectification without compensation. */
export function scaledRows(
  sparse: HostTensor,
  factor: HostTensor,
  visualTokens: number,
  blockSize: number,
): HostTensor {
  const out = sparse.to("f32");
  const [batch, heads, tokens, d] = sparse.shape;
  const n = factor.shape[2];
  const R = factor.toFloat32();
  for (let plane = 0; plane < batch * heads; plane++)
    for (let token = 0; token < visualTokens; token++)
      for (let ch = 0; ch < d; ch++)
        out.data[(plane * tokens + token) * d + ch] *= R[plane * n + Math.floor(token / blockSize)];
  return out;
}

/** Share of ones. */
export const share = (mask: ArrayLike<number>): number => Array.from(mask).reduce((sum, x) => sum + x, 0) / mask.length;

/** Compares a figure that was stored with `decimals` decimals, where the file has it. */
export function compareRounded(
  got: number,
  expected: number | undefined,
  decimals: number,
  tolerance: number,
): Outcome {
  if (expected === undefined) return { ok: true, skipped: "the file does not state it" };
  const allowed = 0.51 * 10 ** -decimals + tolerance;
  const maxError = Math.abs(got - expected);
  if (maxError <= allowed) return { ok: true, maxError, tolerance: allowed };
  return { ok: false, maxError, tolerance: allowed, firstIndex: [0], got, expected };
}
