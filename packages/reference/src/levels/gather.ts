import {
  type GatherInputs,
  type GatherOutputs,
  type GatherStep,
  type RunContext,
  validTextBlocks,
} from "@spaattn/attention";
import { convert, type HostTensor } from "@spaattn/core";
import { writeBlockLists } from "@spaattn/mask";
import { choiceRow, EXACT, nodeBias } from "@spaattn/rectify";
import { listsOf, read, slice } from "../heads.js";
import { eachHead } from "../pace.js";

/** Exact blocks, and rows with their biases: levels.md section 5. */
export async function gather(
  step: GatherStep,
  io: GatherInputs,
  out: GatherOutputs,
  context: RunContext,
): Promise<void> {
  const { visualBlocks: blocks, scale } = context.geometry;
  const { depth, hMax, mMin } = step;
  await eachHead(context, "gather", (head) => {
    const choice = slice(io.choice, head) as Uint8Array;
    const cluster = slice(io.cluster, head);
    const querySpread = read(io.querySpread, head);
    const none = new Float64Array(0);
    const summaries = {
      key: none,
      value: none,
      noise: none,
      mass: read(io.nodeMass, head),
      spread: read(io.nodeSpread, head),
    };
    const lists = { ...listsOf(out.counts, out.indices, head), stride: out.indices.shape[3] };
    const exact = choice.map((chosen) => Number(chosen === EXACT));
    writeBlockLists(exact, validTextBlocks(context.geometry, head.item), lists);
    const stride = out.rowIndices.shape[3];
    for (let i = 0; i < blocks; i++) {
      const { bias } = nodeBias(querySpread, i, summaries, cluster[i], { blocks, depth, scale, hMax, mMin });
      const { rows } = choiceRow(choice.subarray(i * blocks, (i + 1) * blocks), bias, depth);
      slice(out.rowCounts, head)[i] = rows.length;
      (slice(out.rowIndices, head) as Int32Array).set(rows, i * stride);
      const biases = convert(
        Float64Array.from(rows, (row) => bias[row]),
        "f64",
        (out.rowBias as HostTensor).dtype,
      );
      slice(out.rowBias, head).set(biases as never, i * stride);
    }
  });
}
