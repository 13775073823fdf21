import { Params } from "../params.js";
import type { Site, Views } from "../site.js";

/** Gathers tokens along the curve, or back. */
export function permute(site: Site, inputs: Views, outputs: Views): void {
  const { tokens, headDim } = site.geometry;
  const chunks = headDim / 8;
  const parameters = new Params()
    .pointers(site.at(inputs.source), inputs.order?.pointer, site.at(outputs.tokens))
    .ints(tokens, chunks);
  site.launch({
    module: "permute",
    kernel: "permute",
    grid: [Math.ceil((tokens * chunks) / 256), site.heads],
    threads: 256,
    parameters: [parameters.bytes()],
  });
}
