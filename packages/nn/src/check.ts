import type { Specs } from "@spaattn/core";
import { elementCount, sameShape, type TensorSpec } from "@spaattn/core";

const text = (shape: readonly number[]) => `[${shape.join(", ")}]`;

/** An input that must be there. */
export function need(op: string, inputs: Specs, role: string): TensorSpec {
  const spec = inputs[role];
  if (!spec) throw new TypeError(`${op}.${role} is missing`);
  return spec;
}

export function mustBe(op: string, role: string, spec: TensorSpec | undefined, shape: readonly number[]): void {
  if (spec && !sameShape(spec.shape, shape))
    throw new RangeError(`${op}.${role} must have shape ${text(shape)}, got ${text(spec.shape)}`);
}

export function mustHaveRank(op: string, role: string, spec: TensorSpec, rank: number): void {
  if (spec.shape.length !== rank) throw new RangeError(`${op}.${role} must have ${rank} axes, got ${text(spec.shape)}`);
}

export function mustBeDType(op: string, role: string, spec: TensorSpec | undefined, dtype: TensorSpec["dtype"]): void {
  if (spec && spec.dtype !== dtype) throw new TypeError(`${op}.${role} must be ${dtype}, got ${spec.dtype}`);
}

export function mustBeIn(op: string, attr: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value))
    throw new RangeError(`${op}: ${attr} must be ${allowed.join(" or ")}, got ${String(value)}`);
}

/**
 * Checks a per-row parameter `[batch, r, width]` of a stream `[batch, tokens, width]`: `r` is 1 (one row per batch
 * item), `tokens` (one per token), or any number of rows that `index` `[batch, tokens]` chooses from.
 */
export function mustModulate(op: string, inputs: Specs, role: string, stream: readonly number[], width: number): void {
  const spec = inputs[role];
  if (!spec) return;
  const [batch] = stream;
  const tokens = elementCount(stream.slice(1, -1));
  const { index } = inputs;
  if (index) {
    mustBe(op, "index", index, [batch, tokens]);
    mustBeDType(op, "index", index, "i32");
  }
  const [b, rows, w] = spec.shape;
  if (spec.shape.length !== 3 || b !== batch || w !== width || !(index || rows === 1 || rows === tokens))
    throw new RangeError(
      `${op}.${role} must have shape ${text([batch, index ? "rows" : `1 or ${tokens}`, width] as never)}, got ${text(spec.shape)}`,
    );
}

/** The shape two shapes broadcast to, as numpy does it. */
export function broadcast(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`${op}: ${text(a)} and ${text(b)} do not broadcast`);
    return x === 1 ? y : x;
  });
}
