import type { Kernel } from "../kernel.js";
import { axesFunctions, axesParams } from "../wgsl/axes.js";
import { moveKernel, type Unit } from "./move.js";

/** Every unit of the result from its place in the source, by strides along the axes of the result. */
export const transposeKernel = (unit: Unit, rank: number): Kernel =>
  moveKernel(unit, {
    name: `transpose.${rank}`,
    params: axesParams(rank, ["x"]),
    module: `${axesFunctions(rank, ["x"])}
fn source(i: u32) -> u32 { return x_at(i); }`,
  });
