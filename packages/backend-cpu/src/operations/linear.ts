import { elementCount } from "@spaattn/core";
import type { OperationKernel } from "./kernel.js";
import { matmul } from "./matmul.js";
import { modulation } from "./modulation.js";

export const linear: OperationKernel<"linear"> = {
  kernel: "weights unpacked into panels of 16 columns, tiles of 2 x 16",
  lower(l) {
    const { activation, format } = l.attrs;
    const x = l.get("x");
    const depth = x.shape[x.shape.length - 1];
    const n = l.get("weight").shape[0];
    const shape = l.get("y").shape;
    matmul(l, {
      x: l.f32("x"),
      window: 0,
      m: elementCount(x.shape) / depth,
      n,
      taps: 1,
      depth,
      weight: l.raw("weight"),
      weight2: l.raw("weight2"),
      format,
      activation,
      modulation: modulation(l, "gate", shape),
    });
  },
};
