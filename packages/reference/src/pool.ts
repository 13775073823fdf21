import type { PoolInputs, PoolOutputs, PoolStep, RunContext } from "@spaattn/attention";
import { blockDeviations, blockMeans } from "@spaattn/mask";
import { anchors, querySpread } from "@spaattn/rectify";
import { read, shapeOf, write } from "./heads.js";
import { eachHead } from "./pace.js";

/** Per-block statistics: docs/method.md#pooling, docs/tail.md#statistics. */
export async function pool(step: PoolStep, io: PoolInputs, out: PoolOutputs, context: RunContext): Promise<void> {
  const { padding, group } = step;
  const shape = shapeOf(context.geometry);
  await eachHead(context, "pool", (head) => {
    const query = read(io.query, head);
    const key = read(io.key, head);
    const queryMean = blockMeans(query, shape, padding);
    const keyMean = blockMeans(key, shape, padding);
    write(out.queryMean, head, queryMean);
    write(out.keyMean, head, keyMean);
    if (out.valueMean) write(out.valueMean, head, blockMeans(read(io.value, head), shape, padding));
    if (out.queryDeviation) write(out.queryDeviation, head, blockDeviations(query, queryMean, shape, padding));
    if (out.keyDeviation) write(out.keyDeviation, head, blockDeviations(key, keyMean, shape, padding));
    if (out.anchor || out.querySpread) {
      const anchor = anchors(query, shape, group);
      write(out.anchor, head, anchor);
      write(out.querySpread, head, querySpread(query, anchor, shape, group));
    }
  });
}
