import type { DType, HostTensor } from "@spaattn/core";
import type { Geometry } from "./geometry.js";
import type { Step } from "./steps.js";

export interface PlanTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** `constant`: data known when the plan is made, found in `Plan.constants`. */
  readonly role: "input" | "output" | "workspace" | "constant";
}

/** One step and the plan tensors it reads and writes, by role. */
export interface PlanStep {
  readonly step: Step;
  readonly in: Readonly<Record<string, string>>;
  readonly out: Readonly<Record<string, string>>;
}

/** A straight line of backend calls with fixed shapes. `JSON.stringify` prints it (constants by shape only). */
export interface Plan {
  readonly geometry: Geometry;
  readonly steps: readonly PlanStep[];
  readonly tensors: Readonly<Record<string, PlanTensor>>;
  readonly constants: Readonly<Record<string, HostTensor>>;
}

export interface PlanOptions {
  /** The backend's accumulation type. */
  readonly accumulate?: "f32" | "f64";
  /** Takes the mask from an input tensor `forced` `[b, h, n, n]` u8 instead of ranking (host policies). */
  readonly maskAsInput?: boolean;
  /** Takes the choice of rectify "levels" from an input tensor `choice` `[b, h, n, n]` u8 instead of choosing. */
  readonly choiceAsInput?: boolean;
  /** Stop after the estimate: nothing is attended. */
  readonly estimateOnly?: boolean;
}
