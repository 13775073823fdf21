import type { ReduceAttrs } from "@spaattn/nn";
import { magnitudeKernel, meanKernel, PARTIAL_SUMS } from "../kernels/reduce.js";
import type { OperationLowering } from "../network/operation-lowering.js";

export function lowerReduce(lowering: OperationLowering<ReduceAttrs>): void {
  if (lowering.attrs.kind === "mean") {
    const shape = lowering.shape("a");
    const width = shape[shape.length - 1];
    const rows = lowering.count("a") / width;
    const target = lowering.result("y", false);
    emitMeans(lowering, "a", target.bind, { rows, width, divisor: width }, target.storage);
    target.finish();
    return;
  }
  const count = lowering.count("a");
  const vec = lowering.vec(count, "a", "b");
  const kernel = magnitudeKernel(lowering.storage("a", vec), lowering.optional("b", vec));
  const sums = lowering.need("sums", 4 * PARTIAL_SUMS);
  lowering.emit(kernel, {
    bind: { a: "a", b: "b", sums },
    params: { count: vec ? count / 4 : count },
    grid: [PARTIAL_SUMS],
  });
  emitMeans(lowering, sums, "y", { rows: 1, width: PARTIAL_SUMS, divisor: count }, "f32");
  lowering.chose(kernel.name, `${PARTIAL_SUMS} sums, then their sum`);
}

function emitMeans(
  lowering: OperationLowering<ReduceAttrs>,
  x: string,
  y: string,
  params: { rows: number; width: number; divisor: number },
  storage: Parameters<typeof meanKernel>[1],
): void {
  const kernel = meanKernel(lowering.has(x) ? lowering.storage(x, false) : "f32", storage);
  const wide = Math.min(params.rows, 32_768);
  lowering.chose(kernel.name, "one workgroup per row");
  lowering.emit(kernel, { bind: { x, y }, params: { ...params, wide }, grid: [wide, Math.ceil(params.rows / wide)] });
}
