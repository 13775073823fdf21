import type { ClusterInputs, ClusterOutputs, ClusterStep, RunContext } from "@spaattn/attention";
import { blockMeans } from "@spaattn/mask";
import { clusterAnchors, clusterBlocks, clusterSpread, queryProbes } from "@spaattn/rectify";
import { read, shapeOf, slice, write } from "../heads.js";
import { eachHead } from "../pace.js";

/** Clusters, anchors and probes of the query blocks: levels.md sections 2 and 3. */
export async function cluster(
  step: ClusterStep,
  io: ClusterInputs,
  out: ClusterOutputs,
  context: RunContext,
): Promise<void> {
  const shape = shapeOf(context.geometry);
  await eachHead(context, "cluster", (head) => {
    const query = read(io.query, head);
    const queryMean = blockMeans(query, shape);
    const clusters = clusterBlocks(queryMean, shape.headDim, step.clusters);
    const anchor = clusterAnchors(query, clusters, shape);
    write(out.queryMean, head, queryMean);
    write(out.cluster, head, clusters.cluster);
    slice(out.anchor, head).fill(0);
    write(out.anchor, head, anchor);
    write(out.querySpread, head, clusterSpread(query, anchor, clusters, shape));
    if (!out.probe) return;
    const probes = queryProbes(query, shape, step.probes, step.steps);
    write(out.probe, head, probes.mean);
    write(out.probeCount, head, probes.count);
  });
}
