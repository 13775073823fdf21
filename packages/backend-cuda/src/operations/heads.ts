import type { HeadsAttrs, MergeAttrs } from "@spaattn/nn";
import {
  bytesOf,
  type CudaOperation,
  ceilDivide,
  countOf,
  gridOf,
  inEights,
  isAligned,
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

/** A head's pieces of eight lie in neighbouring threads of one warp, four pieces per thread at most. */
const quickHeads = (d: number, width: number) => [8, 16, 32, 64, 128, 256].includes(d) && width <= 4 * 256 * 8;
const turnsInFours = (...angles: readonly (Operand | undefined)[]) =>
  angles.every((operand) => !operand || isAligned(operand));

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
    const own = { module: "heads", grid: [tokens + textTokens, batch], threads, parameters: [parameters] } as const;
    const quick = eights && quickHeads(d, width) && (text ?? x).dtype === x.dtype && turnsInFours(cos, sin);
    if (quick) call.launch({ ...own, kernel: x.dtype === "f32" ? "heads_quick_f32" : "heads_quick" });
    else
      call.launch({
        ...own,
        kernel: eights ? "heads_eight" : "heads_one",
        sharedBytes: sharedBytes(width, count),
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
