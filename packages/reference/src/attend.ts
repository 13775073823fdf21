import { type AttendInputs, type AttendOutputs, type AttendStep, keyRange, type RunContext } from "@spaattn/attention";
import { blockListRow } from "@spaattn/mask";
import { attendRow, joinKeys, type KeySet } from "@spaattn/rectify";
import { type Head, headsOf, listsOf, read, slice, write } from "./heads.js";
import { pacer } from "./pace.js";

/** Masked attention and what is done about the blocks left out (algorithm.md section 6, beyond.md section 7). */
export async function attend(
  step: AttendStep,
  io: AttendInputs,
  out: AttendOutputs,
  context: RunContext,
): Promise<void> {
  const { visualBlocks: n, visualTokens, textValid, tokens, headDim: d, scale } = context.geometry;
  const pace = pacer(context);
  const heads = headsOf(context.geometry);
  for (const head of heads) {
    const query = read(io.query, head);
    const output = new Float64Array(tokens * d);
    const lse = new Float64Array(tokens).fill(Number.NEGATIVE_INFINITY);
    const select = keySets(step, io, head, context);
    const factor = io.factor && read(io.factor, head);
    const compensation = io.compensation && read(io.compensation, head);
    for (let i = 0; i < n; i++) {
      const { start, end } = keyRange(context.geometry, i, head.item);
      const selected = select.row(i);
      for (let a = start; a < end; a++) {
        const o = output.subarray(a * d, (a + 1) * d);
        lse[a] = attendRow(query, a, selected, scale, o);
        if (factor && compensation) for (let ch = 0; ch < d; ch++) o[ch] = factor[i] * o[ch] + compensation[i * d + ch];
      }
      await pace((head.at + (i + 1) / n) / heads.length, "attend");
    }
    for (let a = visualTokens; a < visualTokens + textValid[head.item]; a++)
      lse[a] = attendRow(query, a, select.every, scale, output.subarray(a * d, (a + 1) * d));
    write(out.output, head, output);
    write(out.lse, head, lse);
    await pace((head.at + 1) / heads.length, "attend");
  }
}

/** The key sets of one head: every valid key, or those of one row of blocks. */
function keySets(step: AttendStep, io: AttendInputs, head: Head, { geometry }: RunContext) {
  const { headDim: d, visualBlocks, visualTokens, textValid } = geometry;
  const key = read(io.key, head);
  const value = read(io.value, head);
  const tokens = (start: number, end: number): KeySet => ({
    keys: key.subarray(start * d, end * d),
    values: value.subarray(start * d, end * d),
    bias: new Float64Array(end - start),
  });
  const every = tokens(0, visualTokens + textValid[head.item]);
  if (step.dense) return { every, row: () => every };

  const lists = { ...listsOf(io.counts!, io.indices!, head), stride: step.stride };
  const blocks = (i: number) => Array.from(blockListRow(lists, i), (block) => keyRange(geometry, block, head.item));
  const exact = (i: number) => blocks(i).map(({ start, end }) => tokens(start, end));
  if (io.rowCounts) {
    const gathered = rowReader(io, head, d);
    return { every, row: (i: number) => joinKeys([...exact(i), gathered(i)]) };
  }
  if (!io.bias) return { every, row: (i: number) => joinKeys(exact(i)) };

  const strata = visualBlocks * step.strataPerBlock;
  const [strataKey, strataValue, bias] = [io.strataKey!, io.strataValue!, io.bias].map((tensor) => read(tensor, head));
  // Strata of selected blocks have bias −∞: weight 0.
  const pseudo = (i: number): KeySet => {
    const first = Math.floor(i / step.group) * strata * d;
    return {
      keys: strataKey.subarray(first, first + strata * d),
      values: strataValue.subarray(first, first + strata * d),
      bias: bias.subarray(i * strata, (i + 1) * strata),
    };
  };
  return { every, row: (i: number) => joinKeys([...exact(i), pseudo(i)]) };
}

/** Reads the rows that are listed for a query block, from the summaries of its cluster (levels.md section 5). */
function rowReader(io: AttendInputs, head: Head, d: number): (i: number) => KeySet {
  const [stride, rows] = [io.rowIndices!.shape[3], io.nodeKey!.shape[3]];
  const [counts, indices, cluster] = [io.rowCounts!, io.rowIndices!, io.cluster!].map((tensor) => slice(tensor, head));
  const [keys, values, bias] = [io.nodeKey!, io.nodeValue!, io.rowBias!].map((tensor) => read(tensor, head));
  return (i) => {
    const listed = indices.subarray(i * stride, i * stride + counts[i]);
    const pick = (all: Float64Array) => {
      const picked = new Float64Array(listed.length * d);
      listed.forEach((row, at) => {
        const from = (cluster[i] * rows + row) * d;
        picked.set(all.subarray(from, from + d), at * d);
      });
      return picked;
    };
    return { keys: pick(keys), values: pick(values), bias: bias.slice(i * stride, i * stride + listed.length) };
  };
}
