import type { PlanStep, Step } from "@spaattn/attention";
import type { Site, View, Views } from "./site.js";
import { attend } from "./steps/attend.js";
import { estimate } from "./steps/estimate.js";
import { permute } from "./steps/permute.js";
import { pool } from "./steps/pool.js";
import { summarize } from "./steps/summarize.js";

/** Launches the kernels of one step. */
export function dispatchStep(site: Site, step: Step, inputs: Views, outputs: Views): void {
  switch (step.op) {
    case "permute":
      permute(site, inputs, outputs);
      break;
    case "pool":
      pool(site, step, inputs, outputs);
      break;
    case "summarize":
      summarize(site, step, inputs, outputs);
      break;
    case "estimate":
      estimate(site, step, inputs, outputs);
      break;
    case "attend":
      attend(site, step, inputs, outputs);
      break;
  }
}

/** The same for a planned step, whose tensors are looked up by name. */
export function dispatchPlanned(site: Site, { step, in: from, out: to }: PlanStep, view: (name: string) => View): void {
  const pick = (names: Readonly<Record<string, string>>): Views =>
    Object.fromEntries(Object.entries(names).map(([role, name]) => [role, view(name)]));
  dispatchStep(site, step, pick(from), pick(to));
}
