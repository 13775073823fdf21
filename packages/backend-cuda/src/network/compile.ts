import { type CompileOptions, type Plan, place, SpaAttnError } from "@spaattn/core";
import type { CudaDevice } from "../device.js";
import { operationOf } from "../operations/index.js";
import { type Chip, shapesOf } from "./call.js";
import { type CudaProgramOptions, NetworkProgram } from "./program.js";

export type CudaCompileOptions = CompileOptions & CudaProgramOptions;

/** Why an operation of a plan cannot run on this chip; undefined when it can. */
export function unsupportedOperation(chip: Chip, plan: Plan, index: number): string | undefined {
  const operation = plan.operations[index];
  const own = operationOf(operation.op);
  if (!own) return `operation ${operation.op} has no CUDA kernel`;
  const reason = own.unsupported?.(shapesOf(operation, plan.values, chip));
  return reason && `${operation.op}: ${reason}`;
}

export function compilePlan(device: CudaDevice, chip: Chip, plan: Plan, options: CudaCompileOptions): NetworkProgram {
  plan.operations.forEach((_, i) => {
    const reason = unsupportedOperation(chip, plan, i);
    if (reason)
      throw new SpaAttnError("Unsupported", `The CUDA backend cannot run operation ${i}: ${reason}.`, {
        remedy: "Change the operation, or use another backend.",
      });
  });
  const placement = place(plan, {
    ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
    scratch: (operation, values) => operationOf(operation.op)?.scratch?.(shapesOf(operation, values, chip)) ?? 0,
  });
  return new NetworkProgram(device, plan, placement, chip, options);
}
