import type { EstimateStep } from "@spaattn/attention";
import type { Lowering } from "../lowering.js";
import { lowerPaperEstimate } from "./estimate-paper.js";
import { lowerTailEstimate } from "./estimate-tail.js";

/** Block scores, selection and rectification; both methods end in block lists that never leave the device. */
export function lowerEstimate(step: EstimateStep, lowering: Lowering): void {
  if (step.method === "paper") lowerPaperEstimate(step, lowering);
  else lowerTailEstimate(step, lowering);
}
