import type { PoolStep } from "@spaattn/attention";
import { aboutAnchorKernel, anchorKernel, poolKernel } from "../kernels/pool.js";
import type { Lowering } from "../lowering.js";
import { blockValues } from "../wgsl/blocks.js";

const SECOND = { query: "queryDeviation", key: "keyDeviation", value: undefined } as const;

/** Block means, deviations, anchors and query spreads (docs/method.md#pooling, docs/tail.md#statistics). */
export function lowerPool(step: PoolStep, lowering: Lowering): void {
  const { geometry } = lowering;
  const n = geometry.visualBlocks;
  const work = 6 * geometry.visualTokens * geometry.headDim;
  lowering.chose("pool.block", "one workgroup per block, its rows in registers");
  for (const role of ["query", "key", "value"] as const) {
    const mean = `${role}Mean`;
    const deviation = SECOND[role];
    const tail = role === "query" && (lowering.has("anchor") || lowering.has("querySpread"));
    const spread = deviation && lowering.has(deviation) ? "deviation" : tail ? "variance" : "none";
    if (!lowering.has(mean) && spread === "none") continue;
    const second = spread === "deviation" ? deviation! : "querySpread";
    const kernel = poolKernel({ geometry, storage: lowering.rows(role), spread, padding: step.padding });
    for (const window of lowering.windows([role]))
      lowering.emit(kernel, window, {
        bind: { rows: role, mean, spread: second },
        params: blockValues(geometry),
        grid: [n, 1],
        flops: work,
      });
  }
  if (lowering.has("anchor")) lowerAnchor(step, lowering);
}

function lowerAnchor(step: PoolStep, lowering: Lowering): void {
  const { geometry } = lowering;
  const n = geometry.visualBlocks;
  const groups = Math.ceil(n / step.group);
  for (const window of lowering.windows([])) {
    lowering.emit(anchorKernel(geometry), window, {
      bind: { mean: "queryMean", anchor: "anchor" },
      params: { ...blockValues(geometry), group: step.group, groups },
      grid: [groups, 1],
    });
    lowering.emit(aboutAnchorKernel(geometry), window, {
      bind: { mean: "queryMean", anchor: "anchor", spread: "querySpread" },
      params: { blocks: n, group: step.group, groups },
      grid: [Math.ceil((n * geometry.headDim) / 256), 1],
    });
  }
}
