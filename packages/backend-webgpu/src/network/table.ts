import type { PlanOperation, PlanValue } from "@spaattn/core";
import type { Lowered } from "../commands.js";
import type { Device } from "../device.js";
import { lowerBinary } from "../operations/binary.js";
import { lowerCombine } from "../operations/combine.js";
import { lowerConv } from "../operations/conv.js";
import { lowerDenseAttention } from "../operations/dense-attention.js";
import { lowerEmbed, lowerTimestep } from "../operations/embed.js";
import { lowerHeads } from "../operations/heads.js";
import { lowerLinear } from "../operations/linear.js";
import { lowerMerge } from "../operations/merge.js";
import { lowerNorm } from "../operations/norm.js";
import { lowerReduce } from "../operations/reduce.js";
import { lowerConcat, lowerPad, lowerRepeat, lowerSlice, lowerTranspose } from "../operations/shape.js";
import { convertScratch, lowerUnary } from "../operations/unary.js";
import { OperationLowering } from "./operation-lowering.js";
import type { NetworkOperation } from "./supported.js";

/** Operations of networks, each from a file of its own. Another operation is a line here and one in supported.ts. */
const TABLE: Readonly<Record<NetworkOperation, (lowering: OperationLowering<never>) => void>> = {
  linear: lowerLinear,
  norm: lowerNorm,
  heads: lowerHeads,
  merge: lowerMerge,
  denseAttention: lowerDenseAttention,
  embed: lowerEmbed,
  timestep: lowerTimestep,
  binary: lowerBinary,
  unary: lowerUnary,
  combine: lowerCombine,
  reduce: lowerReduce,
  conv: lowerConv,
  transpose: lowerTranspose,
  concat: lowerConcat,
  slice: lowerSlice,
  pad: lowerPad,
  repeat: lowerRepeat,
};

/** Turns an operation of a network into dispatches. */
export function lowerOperation(
  device: Device,
  operation: PlanOperation,
  values: Readonly<Record<string, PlanValue>>,
): Lowered {
  const lowering = new OperationLowering<never>(device, operation, values);
  lowering.convert = (scratch, role) => {
    const { kernel, reason } = lowering;
    convertScratch(lowering, scratch, role);
    lowering.chose(kernel, reason);
  };
  TABLE[operation.op as NetworkOperation](lowering);
  return lowering;
}
