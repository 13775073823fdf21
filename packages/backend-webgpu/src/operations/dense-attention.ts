import type { DenseAttentionAttrs } from "@spaattn/nn";
import { QUERY_TILE } from "../kernels/attend-common.js";
import { type DenseShape, denseAttentionKernel } from "../kernels/dense-attention.js";
import type { OperationLowering } from "../network/operation-lowering.js";

export function lowerDenseAttention(lowering: OperationLowering<DenseAttentionAttrs>): void {
  const { scale, frameTokens } = lowering.attrs;
  const [batch, heads, rows, d] = lowering.shape("query");
  const [, , keys, dv] = lowering.shape("value");
  const four = { d: lowering.vec(d, "query", "key"), dv: lowering.vec(dv, "value", "output") };
  const target = lowering.result("output", four.dv);
  const shape: DenseShape = {
    query: lowering.storage("query", four.d),
    key: lowering.storage("key", four.d),
    value: lowering.storage("value", four.dv),
    output: target.storage,
    four,
    outputs: dv > 64 ? 2 : 1,
    masked: lowering.has("keyMask"),
    biased: lowering.has("bias"),
    frames: frameTokens !== undefined,
  };
  const kernel = denseAttentionKernel(shape);
  lowering.chose(kernel.name, `tiles of ${QUERY_TILE} queries by 64 keys, ${64 * shape.outputs} channels at a time`);
  const columns = Math.ceil(dv / (64 * shape.outputs));
  const tiles = Math.ceil(rows / QUERY_TILE);
  const flopsPerTile = 2 * QUERY_TILE * keys * columns * (d + 64 * shape.outputs);
  const budget = Math.max(1, Math.floor(lowering.device.maxDispatchFlops / flopsPerTile));
  const most = lowering.device.limits.maxComputeWorkgroupsPerDimension;
  const headsAtOnce = Math.max(1, Math.min(most, Math.floor(budget / tiles)));
  const tilesAtOnce = Math.min(tiles, budget, most);
  for (let head = 0; head < batch * heads; head += headsAtOnce)
    for (let tile = 0; tile < tiles; tile += tilesAtOnce) {
      const z = Math.min(headsAtOnce, batch * heads - head);
      const x = Math.min(tilesAtOnce, tiles - tile);
      lowering.emit(kernel, {
        bind: { query: "query", key: "key", values: "value", mask: "keyMask", bias: "bias", y: target.bind },
        params: {
          d,
          dv,
          rows,
          keys,
          heads,
          first_tile: tile,
          first_head: head,
          bias_items: lowering.has("bias") ? lowering.shape("bias")[0] : 1,
          frame: frameTokens ?? 1,
          scale,
        },
        grid: [x, columns, z],
        flops: x * z * flopsPerTile,
      });
    }
  target.finish();
}
