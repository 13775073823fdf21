import type { CombineAttrs } from "@spaattn/nn";
import { combineKernel } from "../kernels/combine.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { type MapTarget, mapLanes } from "../wgsl/map.js";
import { numberStorage } from "../wgsl/numbers.js";

/** Bindings besides the terms: coefficients, what was summed before, the result. */
const OTHERS = 3;

export function lowerCombine(lowering: OperationLowering<CombineAttrs>): void {
  const { count } = lowering.attrs;
  const roles = Array.from({ length: count }, (_, i) => `x${i}`);
  const vec = lowering.vec(lowering.count("y"), "y", ...roles);
  const target = lowering.target("y", vec);
  const four = mapLanes(target) === 4;
  const most = lowering.device.limits.maxStorageBuffersPerShaderStage - OTHERS;
  let before: string | undefined;
  for (let first = 0; first < count; first += most) {
    const terms = roles.slice(first, first + most);
    const last = first + most >= count;
    const sums: MapTarget = last ? target : { dtype: "f32", vec: four, hasF16: true };
    const float = numberStorage("f32", true, four);
    const storages = terms.map((role) => lowering.storage(role, four));
    const kernel = combineKernel(storages, before === undefined ? undefined : float, sums);
    if (first === 0) lowering.chose(kernel.name, `${terms.length} of ${count} terms at once`);
    const bind = {
      ...Object.fromEntries(terms.map((role, i) => [`x${i}`, role])),
      ...(before ? { before } : {}),
      coefficients: "coefficients",
    };
    if (last) lowering.map(kernel, target, "y", bind, { first });
    else before = partial(lowering, kernel, four, bind, first);
  }
}

function partial(
  lowering: OperationLowering<CombineAttrs>,
  kernel: ReturnType<typeof combineKernel>,
  four: boolean,
  bind: Readonly<Record<string, string>>,
  first: number,
): string {
  const count = lowering.count("y");
  const sums = lowering.need(`sums${first}`, 4 * count);
  const items = four ? count / 4 : count;
  lowering.flat(kernel, items, 256, { bind: { ...bind, y: sums }, params: { first, count: items, lead: 0 } });
  return sums;
}
