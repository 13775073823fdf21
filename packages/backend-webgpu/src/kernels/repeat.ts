import { type Kernel, u32 } from "../kernel.js";
import { moveKernel, type Unit } from "./move.js";
import { range } from "./tile-parts.js";

/** Every place of axis `a` of the result is place `/ times_a` of the source's. */
export const repeatKernel = (unit: Unit, rank: number): Kernel =>
  moveKernel(unit, {
    name: `repeat.${rank}`,
    params: u32(...range(rank, (a) => [`size${a}`, `times${a}`, `stride${a}`]).flat()),
    module: `fn source(i: u32) -> u32 {
  var rest = i;
  var at = 0u;
  ${range(rank, (a) => rank - 1 - a)
    .map((a) => `at += rest % p.size${a} / p.times${a} * p.stride${a}; rest /= p.size${a};`)
    .join("\n  ")}
  return at;
}`,
  });
