import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { reductions } from "../wgsl/reduce.js";
import type { Storage } from "../wgsl/storage.js";

const THREADS = 128;
/** Workgroups of a sum over everything, each of which leaves one sum. */
export const PARTIAL_SUMS = 512;

/** Partial sums of |a - b|, or of |a|. */
export const magnitudeKernel = (a: Storage, b: Storage | undefined): Kernel =>
  assemble({
    name: b ? "reduce.distance" : "reduce.magnitude",
    slots: [read("a", a), ...(b ? [read("b", b)] : []), write("sums", "f32")],
    params: u32("count"),
    workgroup: [THREADS],
    module: reductions(THREADS),
    body: `
  var sum = 0.0;
  for (var i = wid.x * ${THREADS}u + lid; i < p.count; i += ${PARTIAL_SUMS * THREADS}u) {
    sum += dot(vec4f(abs(load_a(i)${b ? " - load_b(i)" : ""}))${a.endsWith("x1") || a === "f32" ? ", vec4f(1, 0, 0, 0)" : ", vec4f(1)"});
  }
  sum = reduce_sum(lid, sum);
  if (lid == 0u) { store_sums(wid.x, sum); }`,
  });

/** The mean of each row of `width` numbers. */
export const meanKernel = (x: Storage, y: Storage): Kernel =>
  assemble({
    name: "reduce.mean",
    slots: [read("x", x), write("y", y)],
    params: [...u32("rows", "width", "wide"), ...f32("divisor")],
    workgroup: [THREADS],
    module: reductions(THREADS),
    body: `
  let row = wid.y * p.wide + wid.x;
  if (row >= p.rows) { return; }
  var sum = 0.0;
  for (var i = lid; i < p.width; i += ${THREADS}u) { sum += load_x(row * p.width + i); }
  sum = reduce_sum(lid, sum);
  if (lid == 0u) { store_y(row, sum / p.divisor); }`,
  });
