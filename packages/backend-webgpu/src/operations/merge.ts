import type { MergeAttrs } from "@spaattn/nn";
import { mergeKernel } from "../kernels/merge.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { MAP_THREADS } from "../wgsl/map.js";

export function lowerMerge(lowering: OperationLowering<MergeAttrs>): void {
  const tokens = lowering.shape("y")[1];
  mergeInto(lowering, "y", 0, lowering.has("order"));
  if (lowering.has("text")) mergeInto(lowering, "text", tokens, false);
}

function mergeInto(lowering: OperationLowering<MergeAttrs>, role: "y" | "text", first: number, ordered: boolean): void {
  const [batch, heads, all, d] = lowering.shape("x");
  const tokens = lowering.shape(role)[1];
  if (tokens === 0) return;
  const four = lowering.vec(d, "x", role);
  const target = lowering.result(role, four);
  const kernel = mergeKernel(lowering.storage("x", four), target.storage, ordered);
  if (role === "y") lowering.chose(kernel.name, four ? "vectors" : "single numbers");
  const lanes = four ? d / 4 : d;
  lowering.emit(kernel, {
    bind: { x: "x", order: "order", y: target.bind },
    params: { lanes, tokens, heads, all, first },
    grid: [Math.ceil((tokens * lanes) / MAP_THREADS), heads, batch],
  });
  target.finish();
}
