import { drawSchedule, type GenerationPlan } from "@spaattn/models";
import { bytes, count, flop, percent } from "../terminal/format.js";
import type { Terminal } from "../terminal/terminal.js";

/** A whole generation as text: geometry, a picture of the run, and what it costs. */
export function printGeneration(terminal: Terminal, plan: GenerationPlan): void {
  terminal.print(`${terminal.style("bold", plan.title)}  ${sizeOf(plan)}`);
  terminal.print();
  for (const [name, value] of facts(plan)) terminal.print(`${name.padEnd(13)}${value}`);
  terminal.print();
  for (const line of drawSchedule(plan)) terminal.print(line);
  terminal.print();
  for (const [name, value] of costs(plan)) terminal.print(`${name.padEnd(13)}${value}`);
}

const sizeOf = ({ size: { frames, width, height } }: GenerationPlan): string =>
  `${width}x${height} pixels${frames > 1 ? `, ${frames} frames` : ""}`;

function facts(plan: GenerationPlan): [string, string][] {
  const { grid, latent, visualTokens, textTokens, blocks, textBlocks, blockSize, lastBlockTokens } = plan;
  const text = textTokens > 0 ? `, ${count(textTokens)} text tokens behind` : "";
  const last = lastBlockTokens < blockSize ? ` (the last one holds ${lastBlockTokens})` : "";
  const experts = plan.transformers > 1 ? `${plan.transformers} × ` : "";
  return [
    ["tokens", `${grid.join(" x ")} = ${count(visualTokens)}${text} (latent ${latent.join(" x ")})`],
    ["blocks", `${count(blocks)} of ${blockSize}${last}${textBlocks > 0 ? `, and ${textBlocks} of text` : ""}`],
    [
      "attention",
      `${experts}${plan.layers} layers, ${plan.heads} heads of ${plan.headDim}${plan.batch > 1 ? `, batch ${plan.batch}` : ""}`,
    ],
    ["steps", `${plan.steps}, ${plan.forwardsPerStep} forward${plan.forwardsPerStep > 1 ? "s" : ""} each`],
    ["dense", `layers ${ranges(plan.denseLayers)}; steps ${ranges(plan.denseSteps)}`],
    [
      "sparse",
      `rectify "${plan.rectify}", ${plan.densityIsExact ? "" : "at least "}${percent(plan.density)} of the blocks computed`,
    ],
  ];
}

function costs({ costs, stepCache }: GenerationPlan): [string, string][] {
  const { denseCalls, sparseCalls, flopDense, flopSparse, flopEstimation, speedupBound, memory } = costs;
  return [
    ["calls", `${count(denseCalls)} dense, ${count(sparseCalls)} sparse`],
    [
      "work",
      `${flop(flopSparse)} as scheduled, ${flop(flopDense)} all dense; ${flop(flopEstimation)} of it estimation`,
    ],
    ["bound", `attention gets at most ${speedupBound.toFixed(2)} times faster`],
    [
      "memory",
      `${bytes(memory.tensors)} for query, key, value and output of a call, ${bytes(memory.workspace + memory.constants)} besides`,
    ],
    ["step cache", `threshold ${stepCache.threshold} on the ${stepCache.indicator}; skipped steps come on top`],
  ];
}

/** `0-1, 40` for [0, 1, 40]. */
function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const start = i;
    while (numbers[i + 1] === numbers[i] + 1) i++;
    parts.push(i === start ? `${numbers[i]}` : `${numbers[start]}-${numbers[i]}`);
  }
  return parts.length > 0 ? parts.join(", ") : "none";
}
