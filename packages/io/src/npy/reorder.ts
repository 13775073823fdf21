import { HostTensor } from "@spaattn/core";
import { bytesOf, malformed } from "@spaattn/weights";

/** The tensor with the bytes of every `width`-byte element reversed; a copy, since a source's memory may be shared. */
export function swapBytes(tensor: HostTensor, width: number): HostTensor {
  const copy = new HostTensor(tensor.dtype, tensor.shape, tensor.data.slice() as never);
  const bytes = bytesOf(copy);
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
  return copy;
}

/** Eight-byte integers, given as pairs of 32-bit halves, as 32-bit integers. Refuses values that do not fit. */
export function int64ToInt32(pairs: HostTensor, shape: readonly number[], name: string): HostTensor {
  const out = new HostTensor("i32", shape);
  const { data } = pairs;
  for (let i = 0; i < out.data.length; i++) {
    const [low, high] = [data[2 * i], data[2 * i + 1]];
    if (high !== low >> 31)
      malformed(name, `element ${i} does not fit in 32 bits`, { remedy: "Save the array as float32 or float64." });
    out.data[i] = low;
  }
  return out;
}

/** A column-major array in row-major order, its shape unchanged. */
export function fromFortranOrder(tensor: HostTensor): HostTensor {
  const { shape, dtype, data } = tensor;
  const out = new HostTensor(dtype, shape);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    out.data[to] = data[from];
    // Counts up in row-major order, the last axis fastest, and keeps the column-major position alongside.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}
