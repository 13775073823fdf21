import type { BinaryAttrs } from "@spaattn/nn";
import { type Kernel, read } from "../kernel.js";
import { axesFunctions, axesParams } from "../wgsl/axes.js";
import { type MapTarget, mapKernel, mapLanes } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

/** With a comparison that fails both ways one of the two is no number, and so is their sum. */
const FORMULA: Readonly<Record<BinaryAttrs["kind"], string>> = {
  add: "a + b",
  subtract: "a - b",
  multiply: "a * b",
  divide: "a / b",
  maximum: "select(select(a + b, b, b >= a), a, a > b)",
  minimum: "select(select(a + b, b, b <= a), a, a < b)",
};

export interface BinaryOperand {
  readonly storage: Storage;
  /** The same number for a whole vector of the result. */
  readonly same: boolean;
}

/** `a op b` along common axes. */
export function binaryKernel(
  kind: BinaryAttrs["kind"],
  rank: number,
  operands: { readonly a: BinaryOperand; readonly b: BinaryOperand },
  target: MapTarget,
): Kernel {
  const four = mapLanes(target) === 4;
  const load = (name: "a" | "b") =>
    !four
      ? `load_${name}(${name}_at(i))`
      : operands[name].same
        ? `vec4f(load_${name}(${name}_at(4u * i)))`
        : `load_${name}(${name}_at(4u * i) / 4u)`;
  return mapKernel(target, {
    name: `binary.${kind}`,
    slots: [read("a", operands.a.storage), read("b", operands.b.storage)],
    params: axesParams(rank, ["a", "b"]),
    module: `${axesFunctions(rank, ["a", "b"])}
fn value(i: u32) -> ${four ? "vec4f" : "f32"} {
  let a = ${load("a")};
  let b = ${load("b")};
  return ${FORMULA[kind]};
}`,
  });
}
