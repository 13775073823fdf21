import type { UnaryAttrs } from "@spaattn/nn";
import { unaryKernel } from "../kernels/unary.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { mapLanes } from "../wgsl/map.js";
import { numberStorage } from "../wgsl/numbers.js";

export function lowerUnary(lowering: OperationLowering<UnaryAttrs>): void {
  const { kind, a = 0, b = 0 } = lowering.attrs;
  const target = lowering.target("y", lowering.vec(lowering.count("y"), "x", "y"));
  const kernel = unaryKernel(kind, lowering.storage("x", mapLanes(target) === 4), target);
  lowering.chose(kernel.name, "an invocation per vector, number or word");
  lowering.map(kernel, target, "y", { x: "x" }, { a, b });
}

/** Turns f32 scratch into a result in its own type. */
export function convertScratch(lowering: OperationLowering, scratch: string, role: string): void {
  const target = lowering.target(role, false);
  const kernel = unaryKernel("none", numberStorage("f32", true, mapLanes(target) === 4), target);
  lowering.map(kernel, target, role, { x: scratch }, { a: 0, b: 0 });
}
