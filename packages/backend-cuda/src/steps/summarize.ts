import type { SummarizeStep } from "@spaattn/attention";
import { SpaAttnError } from "@spaattn/core";
import { Params } from "../params.js";
import type { Site, View, Views } from "../site.js";
import { widen } from "./convert.js";
import { eigenDirections } from "./eigen.js";

/** Strata of every key block and their summaries at the anchors, keys rounded to the inputs' type and values to f16. */
export function summarize(site: Site, step: SummarizeStep, inputs: Views, outputs: Views): void {
  const { tokens, visualTokens, visualBlocks: n, headDim: d, scale } = site.geometry;
  const { strata, strataPerBlock: c, steps, group } = step;
  if (strata === "local" && c > 16)
    throw new SpaAttnError("Unsupported", `tail.strataPerBlock ${c} with strata "local" has no CUDA kernel.`, {
      remedy: "Use at most 16 strata per block.",
    });
  const groups = Math.ceil(n / group);
  const elements = groups * n * c * d;
  const summary = (name: "strataKey" | "strataValue"): View =>
    outputs[name]?.native ? outputs[name] : site.buffer(`${name}16`, elements * 2);
  const key = summary("strataKey");
  const value = summary("strataValue");
  const parameters = new Params()
    .pointers(site.at(inputs.key), site.at(inputs.value), site.at(inputs.anchor))
    .pointers(strata === "eigen" ? eigenDirections(site, inputs) : undefined, site.at(outputs.order))
    .pointers(site.at(key), site.at(value), site.at(outputs.strataMass))
    .pointers(site.at(outputs.strataSpread), site.at(outputs.strataNoise))
    .ints(tokens, visualTokens, n, groups, c, steps, strata !== "contiguous")
    .floats(scale);
  site.launch({
    module: "summarize",
    kernel: `summarize_${site.variant}`,
    grid: [n, site.heads],
    threads: 256,
    sharedBytes: 2 * 128 * d * 2 + 16 * d * 4 + 2 * 128 * 4 + 32 + 3 * c * 4,
    parameters: [parameters.bytes()],
  });
  if (outputs.strataKey && !outputs.strataKey.native) widen(site, "strataKey", key, outputs.strataKey, elements);
  if (outputs.strataValue && !outputs.strataValue.native)
    widen(site, "strataValue", value, outputs.strataValue, elements);
}
