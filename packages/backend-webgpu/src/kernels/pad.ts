import { type Kernel, u32 } from "../kernel.js";
import { moveKernel, type Unit } from "./move.js";

/** Zeros, or copies of the edge, around the places of an axis: `size` before, `padded` after, `inner` units a place. */
export const padKernel = (unit: Unit, mode: "zero" | "replicate"): Kernel =>
  moveKernel(unit, {
    name: `pad.${mode}`,
    params: u32("inner", "size", "padded", "before"),
    module: `fn place(i: u32) -> u32 { return i / p.inner % p.padded; }
fn source(i: u32) -> u32 {
  let at = clamp(place(i), p.before, p.before + p.size - 1u) - p.before;
  return (i / p.inner / p.padded * p.size + at) * p.inner + i % p.inner;
}`,
    ...(mode === "zero" ? { inside: "place(i) - p.before < p.size", outside: "zero" as const } : {}),
  });
