import type { TypedArray } from "@spaattn/core";
import { convert, type HostTensor, sameShape, type Tensor } from "@spaattn/core";
import type { Elementwise } from "./backend.js";

function same(a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype)
    throw new RangeError(
      `tensors must match, got ${a.dtype} [${a.shape.join(", ")}] and ${b.dtype} [${b.shape.join(", ")}]`,
    );
}

function combine(a: HostTensor, b: HostTensor, out: HostTensor, sign: 1 | -1): void {
  same(a, b);
  same(a, out);
  const x = a.toFloat32();
  const y = b.toFloat32();
  for (let i = 0; i < x.length; i++) x[i] += sign * y[i];
  (out.data as TypedArray).set(convert(x, "f32", out.dtype));
}

/** `Elementwise` for backends whose tensors are host tensors. */
export const hostElementwise: Elementwise = {
  add: (a, b, out) => combine(a as HostTensor, b as HostTensor, out as HostTensor, 1),
  subtract: (a, b, out) => combine(a as HostTensor, b as HostTensor, out as HostTensor, -1),
  async meanAbsolute(a, b) {
    if (b) same(a, b);
    const x = (a as HostTensor).toFloat32();
    const y = b && (b as HostTensor).toFloat32();
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += Math.abs(x[i] - (y ? y[i] : 0));
    return x.length === 0 ? 0 : sum / x.length;
  },
};
