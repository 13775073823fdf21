import type { HeadsAttrs, MergeAttrs } from "@spaattn/nn";
import {
  bytesOf,
  type CudaOperation,
  ceilDivide,
  countOf,
  gridOf,
  inEights,
  kindOf,
  must,
  notFloat,
  type Operand,
  roundUp,
} from "../network/call.js";
import { Params } from "../params.js";
import { unitOf } from "./units.js";

const kind = (operand: Operand | undefined) => (operand ? kindOf(operand.dtype) : 0);
const ROTARY = [undefined, "interleaved", "half"] as const;
const NORMS = [undefined, "rms", "layer"] as const;

/** A row of floats and the statistics of its heads. */
const sharedBytes = (width: number, heads: number) => (width + 2 * Math.max(1, heads)) * 4;

export const heads: CudaOperation<"heads"> = {
  unsupported({ attrs, in: inputs, chip }) {
    const width = must(inputs, "x").shape[2];
    if (chip.sharedBytes > 0 && sharedBytes(width, (attrs as HeadsAttrs).heads) > chip.sharedBytes)
      return `rows of ${width} channels, which do not fit shared memory`;
    return notFloat(inputs, "x", "text", "weight", "bias", "textWeight", "textBias");
  },
  record(call) {
    const { heads: count, norm, rotary } = call.attrs as HeadsAttrs;
    const { text, weight, bias, textWeight, textBias, cos, sin, order } = call.in;
    const x = must(call.in, "x");
    const [batch, tokens, width] = x.shape;
    const textTokens = text?.shape[1] ?? 0;
    const d = width / count;
    if (batch * (tokens + textTokens) === 0) return;
    // Without interleaving, the other half of a pair has to begin at a multiple of eight too.
    const whole = rotary === "half" ? d / 2 : d;
    const eights = inEights(whole, x, text, weight, bias, textWeight, textBias, call.out.y);
    const pieces = width / (eights ? 8 : 1);
    const threads = Math.min(256, roundUp(ceilDivide(pieces, ceilDivide(pieces, 256)), 32));
    const parameters = new Params()
      .pointers(x.pointer, text?.pointer, weight?.pointer, bias?.pointer, textWeight?.pointer, textBias?.pointer)
      .pointers(cos?.pointer, sin?.pointer, order?.pointer, call.out.y.pointer)
      .ints(tokens, textTokens, count, d, cos?.shape[0] ?? 0, ROTARY.indexOf(rotary), NORMS.indexOf(norm?.kind))
      .ints(norm?.across ?? false, kind(x), kind(text), kind(weight), kind(bias), kind(textWeight), kind(textBias))
      .ints(kind(call.out.y))
      .floats(norm?.eps ?? 0)
      .bytes();
    call.launch({
      module: "heads",
      kernel: eights ? "heads_eight" : "heads_one",
      grid: [tokens + textTokens, batch],
      threads,
      sharedBytes: sharedBytes(width, count),
      parameters: [parameters],
    });
  },
  describe: () => ({ kernel: "heads", reason: "split, norm, rotary embedding and order in one pass over the tokens" }),
};

export const merge: CudaOperation<"merge"> = {
  record(call) {
    const x = must(call.in, "x");
    const [batch, count, rows, d] = x.shape;
    const { textTokens } = call.attrs as MergeAttrs;
    if (countOf(x) === 0) return;
    const unit = Math.max(2, unitOf(d * bytesOf(x.dtype), x, call.out.y, call.out.text));
    const units = (d * bytesOf(x.dtype)) / unit;
    const parameters = new Params()
      .pointers(x.pointer, call.in.order?.pointer, call.out.y.pointer, call.out.text?.pointer)
      .longs(batch * count * rows * units)
      .ints(rows - textTokens, textTokens, count, units)
      .bytes();
    const grid = gridOf(batch * count * rows * units);
    call.launch({ module: "heads", kernel: `merge_${unit}`, grid, threads: 256, parameters: [parameters] });
  },
  describe: () => ({ kernel: "merge", reason: "a scatter of whole rows" }),
};
