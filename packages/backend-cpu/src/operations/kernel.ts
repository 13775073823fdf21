import type { OperationName } from "@spaattn/core";
import type { Lowering } from "../network/lowering.js";

/** What the CPU backend knows of one operation. */
export interface OperationKernel<N extends OperationName> {
  /** How `describe` calls what runs. */
  readonly kernel: string;
  lower(lowering: Lowering<N>): void;
}
