/**
 * Declares `row_sum(lid, v)`: the sum over the `threads` invocations (a power of 4, at least 16) that share a row, for each
 * of them. Four numbers meet at a time, so that there are few barriers; no subgroup operations.
 */
export const rowSums = (all: number, threads: number): string => `
var<workgroup> sums: array<f32, ${all}>;
fn row_sum(lid: u32, v: f32) -> f32 {
  sums[lid] = v;
  workgroupBarrier();
  for (var s = trips(${threads / 4}u); s > 0u; s = s / 4u) {
    if (lid % ${threads}u < s) { sums[lid] = (sums[lid] + sums[lid + s]) + (sums[lid + 2u * s] + sums[lid + 3u * s]); }
    workgroupBarrier();
  }
  let result = sums[lid - lid % ${threads}u];
  workgroupBarrier();
  return result;
}`;
