import type { Geometry, Step, StepDescription } from "@spaattn/attention";
import { attendKernel } from "./steps/attend.js";

/** Which kernels a step runs, and why these. */
export function describeStep(step: Step, capability: number, heads: number, geometry: Geometry): StepDescription {
  const chunk = heads < geometry.batch * geometry.heads ? `, ${heads} heads at a time to keep workspace small` : "";
  if (step.op === "attend") {
    const kernel = attendKernel(capability);
    const hopper = kernel === "attend-sm90";
    const how = hopper ? "TMA and wgmma, two warpgroups in turns" : "mma.sync and cp.async";
    return { op: step.op, kernel, reason: `compute capability ${capability / 10}: ${how}${chunk}` };
  }
  const reasons: Readonly<Record<string, string>> = {
    permute: "a gather of whole rows",
    pool: "one pass over query, key and value",
    summarize: "one thread block per key block, power iterations in registers",
    estimate: "float32 products, then one warp per row selects without sorting",
  };
  return { op: step.op, kernel: step.op, reason: reasons[step.op] + chunk };
}
