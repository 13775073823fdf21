import type { ReduceAttrs } from "@spaattn/nn";
import {
  type Call,
  type CudaOperation,
  ceilDivide,
  countOf,
  inEights,
  kindOf,
  lastOf,
  must,
  notFloat,
} from "../network/call.js";
import { Params } from "../params.js";

const MOST_BLOCKS = 1024;
const blocksOf = (count: number) => Math.max(1, Math.min(MOST_BLOCKS, ceilDivide(count, 8 * 256)));

function meanAbsolute(call: Call<"reduce">): void {
  const a = must(call.in, "a");
  const { b } = call.in;
  const eights = inEights(countOf(a), a, b);
  const blocks = blocksOf(countOf(a));
  const parameters = new Params()
    .pointers(a.pointer, b?.pointer, call.scratch, call.out.y.pointer)
    .longs(countOf(a) / (eights ? 8 : 1), countOf(a))
    .ints(kindOf(a.dtype), kindOf((b ?? a).dtype), blocks, kindOf(call.out.y.dtype))
    .bytes();
  const own = { module: "reduce", threads: 256, parameters: [parameters] } as const;
  call.launch({ ...own, kernel: eights ? "sum_magnitudes_eight" : "sum_magnitudes_one", grid: [blocks] });
  call.launch({ ...own, kernel: "finish_mean", grid: [1] });
}

function rowMeans(call: Call<"reduce">): void {
  const a = must(call.in, "a");
  const rows = countOf(call.out.y);
  if (rows === 0) return;
  const parameters = new Params()
    .pointers(a.pointer, call.out.y.pointer)
    .longs(rows)
    .ints(lastOf(a), kindOf(a.dtype), kindOf(call.out.y.dtype))
    .bytes();
  const grid = [ceilDivide(rows, 8)] as const;
  call.launch({ module: "reduce", kernel: "row_mean", grid, threads: 256, parameters: [parameters] });
}

export const reduce: CudaOperation<"reduce"> = {
  unsupported: ({ in: inputs }) => notFloat(inputs, "a", "b"),
  scratch: ({ attrs }) => ((attrs as ReduceAttrs).kind === "meanAbsolute" ? MOST_BLOCKS * 8 : 0),
  record: (call) => ((call.attrs as ReduceAttrs).kind === "meanAbsolute" ? meanAbsolute(call) : rowMeans(call)),
  describe: () => ({ kernel: "reduce", reason: "sums in parts, float64 across them" }),
};
