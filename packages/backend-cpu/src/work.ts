import type { Geometry, PlanStep, Step, StepKind } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import * as L from "./job-layout.js";
import { makeParameters, type Parameters } from "./parameters.js";
import { isSlotName, type SlotName } from "./slots.js";

/** A host tensor that is copied in or out, by name; `order` names the table its tokens are gathered by. */
export interface Transfer {
  readonly slot: SlotName;
  readonly name: string;
  readonly order?: string;
}

/** Which units of a head a phase covers. */
export type Span = "head" | "blocks" | "textBlocks" | "keyBlocks" | "groups" | "strataTiles" | "rows" | "rowTiles";

export interface Phase {
  readonly op: number;
  readonly stage: StepKind;
  readonly span: Span;
  /** Repeated for every window of anchor groups. */
  readonly grouped: boolean;
}

/** One or more neighbouring steps, ready to run head by head. */
export interface Work {
  readonly parameters: Parameters;
  readonly slots: readonly SlotName[];
  readonly loads: readonly Transfer[];
  readonly stores: readonly Transfer[];
  readonly phases: readonly Phase[];
  /** True when the summaries of one window of groups are enough at a time. */
  readonly windowed: boolean;
}

/** A step with the tensors it reads and writes by role; `stores` tells which of the outputs the caller wants. */
export interface WorkRequest {
  readonly geometry: Geometry;
  readonly dtype: FloatDType;
  readonly outputDtype: FloatDType;
  readonly steps: readonly PlanStep[];
  readonly wanted: (name: string) => boolean;
  /** Replaces a tensor name by a caller's tensor and the token order to read or write it in. */
  readonly through?: (name: string) => { name: string; order?: string };
}

export function compileWork(request: WorkRequest): Work {
  const { geometry, dtype, outputDtype, steps, wanted } = request;
  const through = request.through ?? ((name: string) => ({ name }));
  const parameters = makeParameters(
    geometry,
    steps.map(({ step }) => step),
    dtype,
    outputDtype,
  );
  const made = new Set<string>();
  const slots = new Set<SlotName>();
  const loads = new Map<SlotName, Transfer>();
  const stores: Transfer[] = [];
  for (const planned of steps) {
    for (const [role, name] of Object.entries(planned.in)) {
      if (!isSlotName(role) || made.has(name) || !reads(planned.step, role, geometry)) continue;
      slots.add(role);
      loads.set(role, { slot: role, ...through(name) });
    }
    for (const [role, name] of Object.entries(planned.out)) {
      if (!isSlotName(role)) throw new TypeError(`outputs.${role} is not a tensor of the ${planned.step.op} step`);
      made.add(name);
      slots.add(role);
      if (wanted(name)) stores.push({ slot: role, ...through(name) });
    }
  }
  for (const slot of internal(parameters, slots)) slots.add(slot);
  return {
    parameters,
    slots: [...slots],
    loads: [...loads.values()],
    stores,
    phases: phasesOf(parameters, slots),
    windowed: parameters.summarize !== undefined && parameters.attend !== undefined && !grouped(stores),
  };
}

const GROUPED: readonly SlotName[] = ["strataKey", "strataValue", "strataMass", "strataSpread", "strataNoise"];
const grouped = (stores: readonly Transfer[]) => stores.some(({ slot }) => GROUPED.includes(slot));

/** False for inputs that a step of this kind does not look at. */
function reads(step: Step, role: SlotName, geometry: Geometry): boolean {
  const text = geometry.textValid.some((valid) => valid > 0);
  if (step.op === "estimate" && (role === "key" || role === "value")) return text;
  if (step.op === "summarize" && role === "query") return step.strata === "eigen";
  return true;
}

/** Workspace the kernels need besides the tensors of the steps. */
function internal({ pool, summarize, estimate, attend, geometry }: Parameters, slots: Set<SlotName>): SlotName[] {
  const more: SlotName[] = [];
  if (pool && slots.has("querySpread")) more.push("anchor");
  if (pool && (slots.has("anchor") || slots.has("querySpread"))) more.push("queryMean");
  if (pool && slots.has("queryDeviation")) more.push("queryMean");
  if (pool && slots.has("keyDeviation")) more.push("keyMean");
  if (summarize) more.push("order");
  if (summarize?.strata === "eigen") more.push("keyMean", "eigenSamples", "eigenAxes");
  if (attend || (estimate && geometry.textTokens > 0)) more.push("keyPanels", "valuePanels");
  if (attend?.rectify === "tail") more.push("strataKeyPanels", "strataValuePanels");
  return more;
}

function phasesOf({ pool, summarize, estimate, attend }: Parameters, slots: Set<SlotName>): Phase[] {
  const phases: Phase[] = [];
  const add = (stage: StepKind, op: number, span: Span, grouped = false) => phases.push({ op, stage, span, grouped });
  const eigen = summarize?.strata === "eigen";
  if (pool || eigen) add(pool ? "pool" : "summarize", L.OP_POOL, "blocks");
  if (pool && slots.has("anchor")) add("pool", L.OP_ANCHOR, "groups");
  if (pool && slots.has("querySpread")) add("pool", L.OP_SPREAD, "blocks");
  if (eigen) add("summarize", L.OP_EIGEN, "head");
  if (summarize) add("summarize", L.OP_STRATA, "blocks");
  // Attention needs all keys in panels, the estimate those of the text.
  if (attend) add("attend", L.OP_PACK, "keyBlocks");
  else if (slots.has("keyPanels")) add("estimate", L.OP_PACK, "textBlocks");
  if (summarize) add("summarize", L.OP_SUMMARIZE, "blocks", true);
  if (attend?.rectify === "tail") add("attend", L.OP_PACK_STRATA, "strataTiles", true);
  if (estimate) add("estimate", estimate.method === "paper" ? L.OP_ESTIMATE_PAPER : L.OP_ESTIMATE_TAIL, "rows", true);
  if (attend) add("attend", L.OP_ATTEND, "rowTiles", true);
  return phases;
}
