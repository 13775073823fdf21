import { type Kernel, u32 } from "../kernel.js";
import { moveKernel, type Unit } from "./move.js";

/** A stretch of every row of units. */
export const sliceKernel = (unit: Unit): Kernel =>
  moveKernel(unit, {
    name: "slice",
    params: u32("length", "row", "start"),
    module: "fn source(i: u32) -> u32 { return i / p.length * p.row + p.start + i % p.length; }",
  });
