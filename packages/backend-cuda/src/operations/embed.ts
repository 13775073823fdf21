import type { TimestepAttrs } from "@spaattn/nn";
import { type CudaOperation, countOf, gridOf, inEights, kindOf, must, notFloat } from "../network/call.js";
import { Params } from "../params.js";

export const embed: CudaOperation<"embed"> = {
  unsupported: ({ in: inputs }) => notFloat(inputs, "table"),
  record(call) {
    const table = must(call.in, "table");
    const { y } = call.out;
    if (countOf(y) === 0) return;
    const width = table.shape[1];
    const eights = inEights(width, table, y);
    const count = countOf(y) / (eights ? 8 : 1);
    const parameters = new Params()
      .pointers(must(call.in, "ids").pointer, table.pointer, y.pointer)
      .longs(count)
      .ints(width / (eights ? 8 : 1), kindOf(table.dtype), kindOf(y.dtype))
      .bytes();
    const kernel = eights ? "embed_eight" : "embed_one";
    call.launch({ module: "embed", kernel, grid: gridOf(count), threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "embed", reason: "a gather of rows" }),
};

export const timestep: CudaOperation<"timestep"> = {
  record(call) {
    const { width, maxPeriod } = call.attrs as TimestepAttrs;
    const count = countOf(call.out.y) / 2;
    if (count === 0) return;
    const parameters = new Params()
      .pointers(must(call.in, "t").pointer, call.out.y.pointer)
      .longs(count)
      .ints(width / 2, 0)
      .doubles(Math.log(maxPeriod))
      .bytes();
    call.launch({ module: "embed", kernel: "timestep", grid: gridOf(count), threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "timestep", reason: "a thread per frequency" }),
};
