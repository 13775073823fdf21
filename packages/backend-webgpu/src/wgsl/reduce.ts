/**
 * Workgroup-wide reductions over `red`, without subgroup operations: results do not depend on the subgroup size.
 * Every invocation gets the result. `threads` is a power of two.
 */
export const reductions = (threads: number): string => `
var<workgroup> red: array<f32, ${threads}>;
fn reduce_sum(lid: u32, v: f32) -> f32 {
  red[lid] = v;
  workgroupBarrier();
  for (var s = trips(${threads / 2}u); s > 0u; s = s >> 1u) {
    if (lid < s) { red[lid] = red[lid] + red[lid + s]; }
    workgroupBarrier();
  }
  let result = red[0];
  workgroupBarrier();
  return result;
}
fn reduce_max(lid: u32, v: f32) -> f32 {
  red[lid] = v;
  workgroupBarrier();
  for (var s = trips(${threads / 2}u); s > 0u; s = s >> 1u) {
    if (lid < s) { red[lid] = max(red[lid], red[lid + s]); }
    workgroupBarrier();
  }
  let result = red[0];
  workgroupBarrier();
  return result;
}
/** Sum of the values of all lower invocations; \`red[threads - 1]\` is the total until the next reduction. */
fn scan_before(lid: u32, v: f32) -> f32 {
  red[lid] = v;
  workgroupBarrier();
  for (var s = 1u; s < trips(${threads}u); s = s << 1u) {
    var add = 0.0;
    if (lid >= s) { add = red[lid - s]; }
    workgroupBarrier();
    red[lid] = red[lid] + add;
    workgroupBarrier();
  }
  var before = 0.0;
  if (lid > 0u) { before = red[lid - 1u]; }
  return before;
}
`;

/** Minus infinity for maxima: finite, so that differences of two of them are numbers. */
export const LOWEST = "-3.0e38";
