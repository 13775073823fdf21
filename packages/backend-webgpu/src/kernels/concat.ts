import { type Kernel, u32 } from "../kernel.js";
import { moveKernel, type Unit } from "./move.js";

/** One part's stretch of every row of units; the rest of the result stays as it is. */
export const concatKernel = (unit: Unit): Kernel =>
  moveKernel(unit, {
    name: "concat",
    params: u32("length", "row", "start"),
    module: "fn source(i: u32) -> u32 { return i / p.row * p.length + i % p.row - p.start; }",
    // Below the start the difference wraps around to a large number.
    inside: "i % p.row - p.start < p.length",
    outside: "keep",
  });
