import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { reductions } from "../wgsl/reduce.js";
import type { Storage } from "../wgsl/storage.js";

/** Workgroups of a reduction, each of which leaves one sum. */
export const PARTIAL_SUMS = 256;
const THREADS = 64;

/** A flat run of values: vectors of four, and how many values of the last vector count. */
export interface Chunk {
  readonly vectors: number;
  readonly last: number;
}

/** out = a + sign * b */
export const combineKernel = (storage: Storage): Kernel =>
  assemble({
    name: "elementwise.combine",
    slots: [read("a", storage), read("b", storage), write("out", storage)],
    params: [...u32("vectors", "wide"), ...f32("sign")],
    workgroup: [THREADS],
    body: `
  let i = wid.y * p.wide + wid.x * ${THREADS}u + lid;
  if (i < p.vectors) { store_out(i, load_a(i) + p.sign * load_b(i)); }`,
  });

/** Partial sums of |a - b|, or of |a|. */
export const distanceKernel = (storage: Storage, pair: boolean): Kernel =>
  assemble({
    name: pair ? "elementwise.distance" : "elementwise.magnitude",
    slots: [read("a", storage), ...(pair ? [read("b", storage)] : []), write("sums", "f32")],
    params: u32("vectors", "last"),
    workgroup: [THREADS],
    module: reductions(THREADS),
    body: `
  var sum = 0.0;
  for (var i = wid.x * ${THREADS}u + lid; i < p.vectors; i += ${PARTIAL_SUMS * THREADS}u) {
    let x = abs(load_a(i)${pair ? " - load_b(i)" : ""});
    let valid = select(4u, p.last, i + 1u == p.vectors);
    for (var e = 0u; e < 4u; e++) { if (e < valid) { sum += x[e]; } }
  }
  sum = reduce_sum(lid, sum);
  if (lid == 0u) { store_sums(wid.x, sum); }`,
  });
