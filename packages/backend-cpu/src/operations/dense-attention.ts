import * as K from "../network/kernels.js";
import { ceil, float } from "../network/lowering.js";
import type { OperationKernel } from "./kernel.js";

export const denseAttention: OperationKernel<"denseAttention"> = {
  kernel: "online softmax, 64 query rows against tiles of 128 keys",
  lower(l) {
    const { scale, frameTokens = 0 } = l.attrs;
    const [batch, heads, sq, d] = l.get("query").shape;
    const [, , sk, dv] = l.get("value").shape;
    const slots = ceil(sk, K.KEY_COLUMNS) * K.KEY_COLUMNS;
    const wide = ceil(dv, 16) * 16;
    const perFrame = ceil(frameTokens || sq, K.QUERY_ROWS);
    const units = frameTokens ? perFrame * ceil(sq, frameTokens) : perFrame;
    l.perThread(4 * K.QUERY_ROWS * (d + wide + K.KEY_COLUMNS) + 4096);
    const words = [
      ...[l.f32("query"), l.f32("key"), l.f32("value"), l.result("output"), heads, sq, sk, d, dv, float(scale)],
      ...[l.raw("keyMask"), l.raw("bias"), l.spec("bias")?.shape[0] ?? 1, frameTokens],
      ...[l.scratch(4 * batch * heads * slots * d), l.scratch(4 * batch * heads * slots * wide), units, perFrame],
    ];
    l.phase(K.K_PACK_KEYS, words, batch * heads * ceil(sk, K.KEY_COLUMNS));
    l.phase(K.K_DENSE, words, batch * heads * units);
  },
};
