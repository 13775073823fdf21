import type { NodesInputs, NodesOutputs, NodesStep, RunContext } from "@spaattn/attention";
import { nestedOrder, nodeSummaries } from "@spaattn/rectify";
import { read, shapeOf, write } from "../heads.js";
import { eachHead } from "../pace.js";

/** Nested strata and the summaries of all levels: levels.md section 2. */
export async function nodes(step: NodesStep, io: NodesInputs, out: NodesOutputs, context: RunContext): Promise<void> {
  const shape = shapeOf(context.geometry);
  const { scale } = context.geometry;
  await eachHead(context, "nodes", (head) => {
    const key = read(io.key, head);
    const value = read(io.value, head);
    const order = nestedOrder(key, value, shape, step);
    const all = nodeSummaries({ key, value, anchor: read(io.anchor, head), order, depth: step.depth, scale }, shape);
    write(out.order, head, order);
    write(out.nodeKey, head, all.key);
    write(out.nodeValue, head, all.value);
    write(out.nodeMass, head, all.mass);
    write(out.nodeSpread, head, all.spread);
    write(out.nodeNoise, head, all.noise);
  });
}
