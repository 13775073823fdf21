import { byteLength, byteSize } from "@spaattn/core";
import type { OperationKernel } from "./kernel.js";
import { move, stridesOf, zeros } from "./move.js";

export const transpose: OperationKernel<"transpose"> = {
  kernel: "strided move",
  lower(l) {
    const x = l.get("x");
    const y = l.get("y");
    const [source, target] = [stridesOf(x.shape), stridesOf(y.shape)];
    const axes = l.attrs.perm.map((axis, i) => ({ size: y.shape[i], in: source[axis], out: target[i] }));
    move(l, x.at, y.at, byteSize(x.dtype), axes);
  },
};

export const concat: OperationKernel<"concat"> = {
  kernel: "strided move",
  lower(l) {
    const { axis, count } = l.attrs;
    const y = l.get("y");
    const target = stridesOf(y.shape);
    const bytes = byteSize(y.dtype);
    let start = 0;
    for (let i = 0; i < count; i++) {
      const x = l.get(`x${i}`);
      const source = stridesOf(x.shape);
      const axes = x.shape.map((size, a) => ({ size, in: source[a], out: target[a] }));
      move(l, x.at, y.at + start * target[axis] * bytes, bytes, axes);
      start += x.shape[axis];
    }
  },
};

export const slice: OperationKernel<"slice"> = {
  kernel: "strided move",
  lower(l) {
    const { axis, start } = l.attrs;
    const x = l.get("x");
    const y = l.get("y");
    const [source, target] = [stridesOf(x.shape), stridesOf(y.shape)];
    const bytes = byteSize(x.dtype);
    const axes = y.shape.map((size, a) => ({ size, in: source[a], out: target[a] }));
    move(l, x.at + start * source[axis] * bytes, y.at, bytes, axes);
  },
};

export const pad: OperationKernel<"pad"> = {
  kernel: "strided move",
  lower(l) {
    const { axis, before, after, mode } = l.attrs;
    const x = l.get("x");
    const y = l.get("y");
    const [source, target] = [stridesOf(x.shape), stridesOf(y.shape)];
    const bytes = byteSize(x.dtype);
    /** `size` places of the target from `to`, read from place `from` on, or all from that place. */
    const part = (size: number, from: number, to: number, repeated: boolean) => {
      if (size === 0) return;
      const axes = x.shape.map((whole, a) => ({
        size: a === axis ? size : whole,
        in: a === axis && repeated ? 0 : source[a],
        out: target[a],
      }));
      move(l, x.at + from * source[axis] * bytes, y.at + to * target[axis] * bytes, bytes, axes);
    };
    const size = x.shape[axis];
    if (mode === "zero") zeros(l, y.at, byteLength(y));
    else {
      part(before, 0, 0, true);
      part(after, size - 1, before + size, true);
    }
    part(size, 0, before, false);
  },
};

export const repeat: OperationKernel<"repeat"> = {
  kernel: "strided move",
  lower(l) {
    const { times } = l.attrs;
    const x = l.get("x");
    const y = l.get("y");
    const [source, target] = [stridesOf(x.shape), stridesOf(y.shape)];
    const axes = x.shape.flatMap((size, a) => [
      { size, in: source[a], out: target[a] * times[a] },
      { size: times[a], in: 0, out: target[a] },
    ]);
    move(l, x.at, y.at, byteSize(x.dtype), axes);
  },
};
