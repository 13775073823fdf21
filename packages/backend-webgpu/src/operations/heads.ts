import type { HeadsAttrs } from "@spaattn/nn";
import { headsKernel, rowStatisticsKernel } from "../kernels/heads.js";
import { NORM_THREADS } from "../kernels/norm.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { MAP_THREADS } from "../wgsl/map.js";

/** One stream to be split: the tokens, or the text behind them. */
interface Stream {
  readonly role: "x" | "text";
  readonly weight: string;
  readonly bias: string;
  readonly first: number;
}

export function lowerHeads(lowering: OperationLowering<HeadsAttrs>): void {
  const [, , all, d] = lowering.shape("y");
  const { rotary } = lowering.attrs;
  const roles = ["x", "text", "weight", "bias", "textWeight", "textBias", "y"];
  const four = lowering.vec(rotary === "half" ? d / 2 : d, ...roles);
  const target = lowering.result("y", four);
  const tokens = lowering.shape("x")[1];
  const streams: Stream[] = [{ role: "x", weight: "weight", bias: "bias", first: 0 }];
  if (lowering.has("text")) streams.push({ role: "text", weight: "textWeight", bias: "textBias", first: tokens });
  for (const stream of streams) split(lowering, stream, four, all, target);
  target.finish();
}

function split(
  lowering: OperationLowering<HeadsAttrs>,
  { role, weight, bias, first }: Stream,
  four: boolean,
  all: number,
  target: ReturnType<OperationLowering["result"]>,
): void {
  const { heads, norm, rotary } = lowering.attrs;
  const [batch, tokens, width] = lowering.shape(role);
  const x = lowering.storage(role, four);
  const lanes = width / heads / (four ? 4 : 1);
  const isText = role === "text";
  const turned = isText ? undefined : rotary;
  const ordered = !isText && lowering.has("order");
  const statistics = norm ? emitStatistics(lowering, role, four) : "";
  const kernel = headsKernel({
    x,
    output: target.storage,
    four,
    norm,
    weight: lowering.optional(weight, four),
    bias: lowering.optional(bias, four),
    rotary: turned,
    ordered,
  });
  if (!isText)
    lowering.chose(
      kernel.name,
      `${four ? "vectors" : "single numbers"}${norm ? ", after the statistics of rows" : ""}`,
    );
  lowering.emit(kernel, {
    bind: { x: role, statistics, weight, bias, cos: "cos", sin: "sin", order: "order", y: target.bind },
    params: { lanes, tokens, heads, all, first, turned: turned ? lowering.shape("cos")[0] : 0 },
    grid: [Math.ceil((tokens * lanes) / MAP_THREADS), heads, batch],
    flops: 10 * batch * tokens * width,
  });
}

function emitStatistics(lowering: OperationLowering<HeadsAttrs>, role: string, four: boolean): string {
  const { heads, norm } = lowering.attrs;
  const [batch, tokens, width] = lowering.shape(role);
  const of = norm!.across ? width : width / heads;
  const rows = (batch * tokens * width) / of;
  const lanes = of / (four ? 4 : 1);
  const threads = lanes <= 32 ? 16 : lanes <= 256 ? 64 : 256;
  const statistics = lowering.need(`${role}.statistics`, 8 * rows);
  const groups = Math.ceil(rows / (NORM_THREADS / threads));
  const wide = Math.min(groups, 32_768);
  lowering.emit(rowStatisticsKernel(norm!.kind, lowering.storage(role, four), four, threads), {
    bind: { x: role, statistics },
    params: { rows, lanes, width: of, wide, eps: norm!.eps },
    grid: [wide, Math.ceil(groups / wide)],
    flops: 5 * rows * of,
  });
  return statistics;
}
