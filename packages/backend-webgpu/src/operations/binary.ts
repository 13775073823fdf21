import type { BinaryAttrs } from "@spaattn/nn";
import { binaryKernel } from "../kernels/binary.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { axesValues, broadcastStrides, collapse } from "../wgsl/axes.js";
import { mapLanes } from "../wgsl/map.js";

export function lowerBinary(lowering: OperationLowering<BinaryAttrs>): void {
  const sizes = lowering.shape("y");
  const axes = collapse({ sizes, strides: [0, 1].map((i) => broadcastStrides(lowering.shape("ab"[i]), sizes)) });
  const rank = axes.sizes.length;
  // A vector of the result is a vector of an operand, or one number of it.
  const fits = (["a", "b"] as const).map((role, i) => {
    const own = axes.strides[i];
    if (own[rank - 1] === 0) return true;
    return own[rank - 1] === 1 && own.slice(0, -1).every((stride) => stride % 4 === 0) && lowering.vec(4, role);
  });
  const vec = fits.every(Boolean) && lowering.vec(axes.sizes[rank - 1], "y");
  const target = lowering.target("y", vec);
  const four = mapLanes(target) === 4;
  const operand = (role: string, i: number) => {
    const same = axes.strides[i][rank - 1] === 0;
    return { same, storage: lowering.storage(role, four && !same) };
  };
  const kernel = binaryKernel(lowering.attrs.kind, rank, { a: operand("a", 0), b: operand("b", 1) }, target);
  lowering.chose(kernel.name, `${rank} ${rank === 1 ? "axis" : "axes"} after merging`);
  lowering.map(kernel, target, "y", { a: "a", b: "b" }, axesValues(axes, ["a", "b"]));
}
