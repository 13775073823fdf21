import { byteSize, type HostTensor, sameShape, type TypedArray } from "@spaattn/core";

const view = ({ data, dtype }: HostTensor): Uint16Array | Uint32Array => {
  const { buffer, byteOffset, byteLength } = data as TypedArray;
  return byteSize(dtype) === 2
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : new Uint32Array(buffer, byteOffset, byteLength / 4);
};

/**
 * tokens[:, :, i] = source[:, :, order[i]]
 *
 * @throws RangeError when the shapes differ or the order does not fit.
 */
export function permuteTokens(source: HostTensor, order: HostTensor, tokens: HostTensor): void {
  if (source.shape.length !== 4 || !sameShape(source.shape, tokens.shape) || source.dtype !== tokens.dtype)
    throw new RangeError(
      `source and tokens must match, got ${source.dtype} [${source.shape.join(", ")}] and ${tokens.dtype} [${tokens.shape.join(", ")}]`,
    );
  const [batch, heads, count, d] = source.shape;
  const table = order.data as Int32Array;
  if (table.length !== count) throw new RangeError(`order must have ${count} entries, got ${table.length}`);
  const [from, to] = [view(source), view(tokens)];
  for (let head = 0; head < batch * heads; head++) {
    const base = head * count * d;
    for (let i = 0; i < count; i++) {
      let at = base + table[i] * d;
      for (let x = base + i * d, end = x + d; x < end; x++) to[x] = from[at++];
    }
  }
}
