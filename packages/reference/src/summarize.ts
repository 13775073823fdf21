import type { RunContext, SummarizeInputs, SummarizeOutputs, SummarizeStep } from "@spaattn/attention";
import { strataOrder, summarize as summarizeStrata } from "@spaattn/rectify";
import { read, shapeOf, write } from "./heads.js";
import { eachHead } from "./pace.js";

/** Strata and their summaries: docs/tail.md#strata and docs/tail.md#summaries. */
export async function summarize(
  step: SummarizeStep,
  io: SummarizeInputs,
  out: SummarizeOutputs,
  context: RunContext,
): Promise<void> {
  const shape = shapeOf(context.geometry);
  await eachHead(context, "summarize", (head) => {
    const key = read(io.key, head);
    const order = strataOrder(read(io.query, head), key, shape, step);
    const summaries = summarizeStrata(
      {
        key,
        value: read(io.value, head),
        anchor: read(io.anchor, head),
        order,
        strataPerBlock: step.strataPerBlock,
        scale: context.geometry.scale,
      },
      shape,
    );
    write(out.order, head, order);
    write(out.strataKey, head, summaries.key);
    write(out.strataValue, head, summaries.value);
    write(out.strataMass, head, summaries.mass);
    write(out.strataSpread, head, summaries.spread);
    write(out.strataNoise, head, summaries.noise);
  });
}
