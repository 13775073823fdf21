import { type DType, HostTensor } from "@spaattn/core";

/** One comparison with a golden value. */
export interface GoldenCheck {
  readonly name: string;
  /** Largest difference over the largest expected magnitude; infinite where shapes differ or something is no number. */
  readonly error: number;
  readonly limit: number;
  readonly ok: boolean;
  /** Why there is no comparison, or what went wrong. */
  readonly note?: string;
}

/** Tensors of a golden file by name. */
export type Tensors = ReadonlyMap<string, HostTensor>;

/** What tensors stored in half precision can hold. */
export const HALF = 2e-3;

/** Largest difference over the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(difference, d);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return scale === 0 ? difference : difference / scale;
}

/** Compares numbers with a golden tensor; those stored in half precision have a limit of their own. */
export function compare(
  name: string,
  actual: HostTensor | ArrayLike<number>,
  expected: HostTensor,
  limit: number,
): GoldenCheck {
  const values = actual instanceof HostTensor ? crop(actual, expected.shape) : actual;
  const error = relativeError(values, expected.toFloat32());
  const most = expected.dtype === "f16" ? Math.max(limit, HALF) : limit;
  return { name, error, limit: most, ok: error <= most };
}

/** A comparison that must agree exactly. */
export const exactly = (name: string, ok: boolean, note?: string): GoldenCheck => ({
  ...{ name, error: ok ? 0 : Number.POSITIVE_INFINITY, limit: 0, ok },
  ...(ok || note === undefined ? {} : { note }),
});

/** A golden tensor, in another shape or dtype where asked. @throws RangeError where there is none */
export function tensor(tensors: Tensors, name: string, shape?: readonly number[], dtype: DType = "f32"): HostTensor {
  const found = tensors.get(name);
  if (!found) throw new RangeError(`there is no tensor ${name}`);
  const { data } = found.to(dtype);
  return new HostTensor(dtype, shape ?? found.shape, data);
}

/** Moves the axes of a tensor. */
export function permute(x: HostTensor, perm: readonly number[]): Float32Array {
  const strides = stridesOf(x.shape);
  const [sizes, steps] = [x.shape, strides].map((list) => perm.map((axis) => list[axis]));
  return walk(x.toFloat32(), sizes, steps);
}

/** The beginning of every axis: golden files keep the first batch item, or the first rows, of some tensors. */
function crop(x: HostTensor, shape: readonly number[]): Float32Array {
  return x.shape.length === shape.length ? walk(x.toFloat32(), shape, stridesOf(x.shape)) : x.toFloat32();
}

const stridesOf = (shape: readonly number[]): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));

/** Elements at multiples of strides, the last axis fastest. */
function walk(data: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const index = new Array<number>(shape.length).fill(0);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    const value = data[index.reduce((sum, i, axis) => sum + i * strides[axis], 0)];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
    return value;
  });
}
