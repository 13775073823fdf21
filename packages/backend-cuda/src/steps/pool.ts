import type { PoolStep } from "@spaattn/attention";
import { Params } from "../params.js";
import type { Site, Views } from "../site.js";

/** Means and deviations in one pass over query, key and value; then the anchors, and the spread about them. */
export function pool(site: Site, step: PoolStep, inputs: Views, outputs: Views): void {
  const { tokens, visualTokens, visualBlocks: n, headDim: d } = site.geometry;
  const { anchor, querySpread } = outputs;
  const queryMean = outputs.queryMean ?? (anchor || querySpread ? site.buffer("poolMean", n * d * 4) : undefined);
  const at = (name: string) => site.at(outputs[name]);
  const parameters = new Params()
    .pointers(site.at(inputs.query), site.at(inputs.key), site.at(inputs.value))
    .pointers(site.at(queryMean), at("keyMean"), at("valueMean"))
    .pointers(at("queryDeviation"), at("keyDeviation"), undefined)
    .pointers(site.at(querySpread), undefined, undefined)
    .ints(tokens, visualTokens, n, step.padding === "zero");
  site.launch({
    module: "pool",
    kernel: `pool_${site.variant}`,
    grid: [n, site.heads, 3],
    threads: 256,
    parameters: [parameters.bytes()],
  });
  if (!anchor && !querySpread) return;
  const groups = Math.ceil(n / step.group);
  const center = anchor ?? site.buffer("poolAnchor", groups * d * 4);
  const about = new Params()
    .pointers(site.at(queryMean), site.at(center), site.at(querySpread))
    .ints(visualTokens, n, step.group, groups, d)
    .bytes();
  site.launch({ module: "pool", kernel: "anchor", grid: [groups, site.heads], threads: 1024, parameters: [about] });
  if (querySpread)
    site.launch({ module: "pool", kernel: "query_spread", grid: [n, site.heads], threads: d, parameters: [about] });
}
