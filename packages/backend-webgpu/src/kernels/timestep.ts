import { type Kernel, read, u32 } from "../kernel.js";
import { type MapTarget, mapKernel } from "../wgsl/map.js";

/**
 * Cosines, then sines, of times times frequencies.
 *
 * WGSL promises three digits of a sine, and nothing of a large angle: the quarter turn is taken off in three parts, and what
 * is left goes through the Taylor series, which is within 1e-7 there.
 */
export const timestepKernel = (target: MapTarget): Kernel =>
  mapKernel(target, {
    name: "timestep",
    slots: [read("t", "f32"), read("frequencies", "f32")],
    params: u32("half"),
    module: `fn value(i: u32) -> f32 {
  let column = i % (2u * p.half);
  let angle = load_t(i / (2u * p.half)) * load_frequencies(column % p.half);
  let turns = round(angle * 0.6366197723675814);
  // Parts of pi / 2 with so few digits that their products with whole numbers are exact.
  let r = ((angle - turns * 1.5703125) - turns * 0.000483751296997) - turns * 0.0000000754978995489;
  let s = r * r;
  let sine = r * (1.0 - s * (0.16666666667 - s * (0.00833333333 - s * (0.00019841270 - s * 0.0000027557319))));
  let cosine = 1.0 - s * (0.5 - s * (0.04166666667 - s * (0.00138888889 - s * (0.0000248015873 - s * 0.00000027557319))));
  let quarter = (i32(turns) + select(0, 1, column < p.half)) & 3;
  let odd = (quarter & 1) == 1;
  let v = select(sine, cosine, odd);
  return select(v, -v, quarter >= 2);
}`,
  });
