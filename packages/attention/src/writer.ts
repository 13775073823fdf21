import type { DType, HostTensor } from "@spaattn/core";
import type { PlanTensor } from "./plan.js";
import type { Extra } from "./spec.js";
import type { Step } from "./steps.js";

/** How parts of a plan are written: tensors are declared under their own names and belong to steps by role. */
export interface PlanWriter {
  declare(name: string, dtype: DType, shape: readonly number[], role?: PlanTensor["role"]): string;
  /** Declares a float tensor `[b, h, ...shape]`. */
  perHead(name: string, ...shape: number[]): Record<string, string>;
  /** The same, but only when the caller asked for it. */
  onRequest(name: Extra, ...shape: number[]): Record<string, string>;
  constant(name: string, tensor: HostTensor): string;
  wants(name: Extra): boolean;
  push(step: Step, inputs: Record<string, string>, outputs: Record<string, string>): void;
}
