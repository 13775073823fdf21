import { type Kernel, read, u32 } from "../kernel.js";
import { type MapTarget, mapKernel, mapLanes } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

/**
 * A weighted sum of some terms, `x0`, `x1`, ..., whose first coefficient is `first`; `before` adds what was summed already.
 *
 * A term whose coefficient is zero is not multiplied: it may hold what is no number.
 */
export function combineKernel(terms: readonly Storage[], before: Storage | undefined, target: MapTarget): Kernel {
  const type = mapLanes(target) === 4 ? "vec4f" : "f32";
  const slots = [...terms.map((storage, i) => read(`x${i}`, storage)), ...(before ? [read("before", before)] : [])];
  return mapKernel(target, {
    name: `combine.${terms.length}`,
    slots: [...slots, read("coefficients", "f32")],
    params: u32("first"),
    module: `fn value(i: u32) -> ${type} {
  var sum = ${before ? "load_before(i)" : `${type}(0)`};
  ${terms.map((_, i) => `let c${i} = load_coefficients(p.first + ${i}u); if (c${i} != 0.0) { sum = fma(${type}(c${i}), load_x${i}(i), sum); }`).join("\n  ")}
  return sum;
}`,
  });
}
