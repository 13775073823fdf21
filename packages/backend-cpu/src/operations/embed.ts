import { elementCount } from "@spaattn/core";
import * as K from "../network/kernels.js";
import { CHUNK, ceil, DTYPE_CODES, float } from "../network/lowering.js";
import type { OperationKernel } from "./kernel.js";

export const embed: OperationKernel<"embed"> = {
  kernel: "rows gathered and widened",
  lower(l) {
    const table = l.get("table");
    const [rows, width] = table.shape;
    const count = elementCount(l.get("ids").shape);
    const chunk = Math.max(1, ceil(CHUNK, width));
    const words = [l.raw("ids"), table.at, DTYPE_CODES[table.dtype], rows, width, count, chunk, l.result("y")];
    l.phase(K.K_EMBED, words, ceil(count, chunk));
  },
};

export const timestep: OperationKernel<"timestep"> = {
  kernel: "angles in f32, sines in f64",
  lower(l) {
    const { width, maxPeriod } = l.attrs;
    const half = width / 2;
    const frequency = (i: number) => float(Math.exp((-Math.log(maxPeriod) * i) / half));
    const table = l.record(Array.from({ length: half }, (_, i) => frequency(i)));
    const count = elementCount(l.get("t").shape);
    l.phase(K.K_TIMESTEP, [l.raw("t"), table, half, count, l.raw("y")], count);
  },
};
