import type { ChooseInputs, ChooseOutputs, ChooseStep, RunContext } from "@spaattn/attention";
import { chooseLevels, type HeadErrors } from "@spaattn/rectify";
import { type Head, headsOf, read, write } from "../heads.js";

/** One option for every pair, a batch item at a time: levels.md section 4. */
export function choose(step: ChooseStep, io: ChooseInputs, out: ChooseOutputs, { geometry }: RunContext): void {
  const { visualBlocks: blocks, blockSize, heads, batch } = geometry;
  const all = headsOf(geometry);
  for (let item = 0; item < batch; item++) {
    const own = all.slice(item * heads, (item + 1) * heads);
    const powers = own.map((head) => mean(read(io.outputPower, head)));
    const errors = own.map((head, h) => headErrors(step, io, head, powers[h]));
    const { choice, multiplier } = chooseLevels(errors, {
      ...step,
      blocks,
      blockSize,
      multiplier: multiplierOf(step, powers),
    });
    own.forEach((head, h) => {
      write(out.choice, head, choice.subarray(h * blocks * blocks, (h + 1) * blocks * blocks));
      write(out.multiplier, head, multiplier.subarray(h * blocks, (h + 1) * blocks));
    });
  }
}

const mean = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0) / values.length;

function headErrors(step: ChooseStep, io: ChooseInputs, head: Head, power: number): HeadErrors {
  return {
    error: read(io.levelError, head),
    forced: io.forced && ((io.forced as { data?: unknown }).data as Uint8Array),
    unit: step.weight === "relative" ? power || 1 : 1,
  };
}

/** The multiplier that a tolerance asks for; relative to the outputs unless the errors are so already. */
function multiplierOf({ tolerance, weight }: ChooseStep, powers: readonly number[]): number | undefined {
  if (tolerance === undefined || typeof tolerance === "number") return tolerance;
  const size = weight === "relative" ? 1 : powers.reduce((sum, power) => sum + power, 0) / powers.length;
  return tolerance.relative * size;
}
