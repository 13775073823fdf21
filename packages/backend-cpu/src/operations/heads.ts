import { byteSize } from "@spaattn/core";
import * as K from "../network/kernels.js";
import { CHUNK, ceil, float } from "../network/lowering.js";
import type { OperationKernel } from "./kernel.js";

export const heads: OperationKernel<"heads"> = {
  kernel: "norm, rotation and order in one pass over the tokens",
  lower(l) {
    const { heads: count, norm, rotary } = l.attrs;
    const [batch, tokens, width] = l.get("x").shape;
    const text = l.spec("text")?.shape[1] ?? 0;
    const chunk = Math.max(1, ceil(CHUNK, width));
    const parts = ceil(tokens + text, chunk);
    l.perThread(4 * width + 64);
    const words = [
      ...[l.f32("x"), l.result("y"), batch, tokens, text, count, width / count, chunk, parts],
      ...[norm ? (norm.kind === "rms" ? 1 : 2) : 0, norm?.across ? 1 : 0, float(norm?.eps ?? 0)],
      ...[l.f32("weight"), l.f32("bias"), rotary ? (rotary === "interleaved" ? 1 : 2) : 0],
      ...[l.raw("cos"), l.raw("sin"), l.spec("cos")?.shape[0] ?? 0, l.raw("order")],
      ...[l.f32("text"), l.f32("textWeight"), l.f32("textBias")],
    ];
    l.phase(K.K_HEADS, words, batch * parts);
  },
};

export const merge: OperationKernel<"merge"> = {
  kernel: "one pass over the tokens",
  lower(l) {
    const { textTokens } = l.attrs;
    const { at, dtype, shape } = l.get("x");
    const [batch, count, all, d] = shape;
    const chunk = Math.max(1, ceil(CHUNK, count * d));
    const parts = ceil(all, chunk);
    const words = [
      ...[at, l.raw("y"), l.raw("text"), all - textTokens, textTokens, count, d * byteSize(dtype), chunk, parts],
      l.raw("order"),
    ];
    l.phase(K.K_MERGE, words, batch * parts);
  },
};
