import type { Geometry, Step } from "@spaattn/attention";
import type { Device } from "./device.js";
import { Lowering, type TensorShape } from "./lowering.js";
import { lowerAttend } from "./primitives/attend.js";
import { lowerEstimate } from "./primitives/estimate.js";
import { lowerPermute } from "./primitives/permute.js";
import { lowerPool } from "./primitives/pool.js";
import { lowerSummarize } from "./primitives/summarize.js";

/** Turns a step into dispatches; `tensors` are its inputs and outputs by role. */
export function lower(
  device: Device,
  geometry: Geometry,
  step: Step,
  tensors: Readonly<Record<string, TensorShape | undefined>>,
): Lowering {
  const lowering = new Lowering(step.op, device, geometry, tensors);
  switch (step.op) {
    case "permute":
      lowerPermute(step, lowering);
      break;
    case "pool":
      lowerPool(step, lowering);
      break;
    case "summarize":
      lowerSummarize(step, lowering);
      break;
    case "estimate":
      lowerEstimate(step, lowering);
      break;
    case "attend":
      lowerAttend(step, lowering);
  }
  return lowering;
}
