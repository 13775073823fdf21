import type { Plan, Step } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import type { Launch } from "./device.js";
import type { Handle } from "./driver/driver.js";
import { bytesPerHead, nativeBytesPerHead } from "./layout.js";
import { type Scratch, Site, type View, type Views } from "./site.js";
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

/** Where a tensor of the caller or a constant is; `native` as in `View`. */
export interface Placed {
  readonly pointer: Handle;
  readonly native: boolean;
}

/** A site for some heads of a plan. */
export function siteOf(
  capability: number,
  plan: Plan,
  first: number,
  heads: number,
  scratch: Scratch,
  launch: (launch: Launch) => void,
): Site {
  const { query, output } = plan.tensors;
  const dtype = query.dtype as FloatDType;
  const outputDtype = (output?.dtype ?? dtype) as FloatDType;
  return new Site(capability, plan.geometry, dtype, outputDtype, first, heads, scratch, launch);
}

/** Launches all steps of a plan for the heads of a site; workspace comes from its scratch, the rest from `placeOf`. */
export function launchPlan(site: Site, plan: Plan, placeOf: (name: string) => Placed, done?: () => void): void {
  const { batch, heads } = plan.geometry;
  const view = (name: string): View => {
    const tensor = plan.tensors[name];
    const perHead = bytesPerHead(tensor, batch, heads);
    if (tensor.role !== "workspace") return { ...placeOf(name), perHead };
    const native = nativeBytesPerHead(name, tensor);
    return { ...site.buffer(`plan.${name}`, native ?? perHead), native: native !== undefined };
  };
  const pick = (names: Readonly<Record<string, string>>): Views =>
    Object.fromEntries(Object.entries(names).map(([role, name]) => [role, view(name)]));
  for (const { step, in: from, out: to } of plan.steps) {
    dispatchStep(site, step, pick(from), pick(to));
    done?.();
  }
}
