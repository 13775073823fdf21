import type { Kernel } from "../kernel.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import type { WeightForm } from "../wgsl/weights.js";
import { type LinearShape, linearProduct } from "./linear.js";
import { matrixProductKernel, type ProductTiling, productTiling } from "./matmul-matrix.js";

/** A linear layer on subgroup matrices. */
export interface LinearMatrix extends ProductTiling {
  readonly kernel: Kernel;
}

/** The kernel on subgroup matrices, or why the layer does not run there. */
export function linearMatrix(lowering: OperationLowering, shape: LinearShape, k: number): LinearMatrix | string {
  const { matrix, limits } = lowering.device;
  const x = lowering.spec("x");
  if (x.dtype !== "f16") return `they multiply half floats only, not ${x.dtype}`;
  for (const role of ["weight", "weight2"])
    if (lowering.has(role) && lowering.spec(role).dtype === "f32") return "a half float cannot hold f32 weights";
  if (!matrix.unit) return matrix.reason;
  const tiling = productTiling(matrix.unit, limits);
  if (typeof tiling === "string") return tiling;
  const eights = (role: string) => k % 8 === 0 && (lowering.spec(role).view?.offset ?? 0) % 8 === 0;
  const rawWeights = [shape.weight, shape.weight2].every((form) => !form || isHalf(form)) && eights("weight");
  const bits = { x: eights("x"), weight: rawWeights && (!shape.weight2 || eights("weight2")) };
  const product = linearProduct("linear.matrix", shape, tiling.unit.n, bits);
  return { ...tiling, kernel: matrixProductKernel(tiling, product) };
}

const isHalf = (form: WeightForm) => form.storage === "f16";
