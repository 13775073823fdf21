import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { MAP_THREADS } from "../wgsl/map.js";
import { rowSums } from "../wgsl/row-sums.js";
import type { Storage } from "../wgsl/storage.js";
import { type NormFinish, normFinish, normParams, normSlots, NORM_THREADS as THREADS } from "./norm.js";

/** Mean and sum of squared distances from it of one group of channels, over some positions of a batch item. */
export const groupMomentsKernel = (x: Storage): Kernel =>
  assemble({
    name: "norm.group.moments",
    slots: [read("x", x), write("moments", "f32")],
    params: u32("positions", "width", "group", "groups", "chunk", "chunks"),
    workgroup: [THREADS],
    module: rowSums(THREADS, THREADS),
    body: `
  let item = wid.z;
  let begin = wid.x * p.chunk;
  let count = (min(begin + p.chunk, p.positions) - begin) * p.group;
  let start = (item * p.positions + begin) * p.width + wid.y * p.group;
  var sum = 0.0;
  for (var i = lid; i < count; i += ${THREADS}u) { sum += load_x(start + i / p.group * p.width + i % p.group); }
  let mean = row_sum(lid, sum) / f32(count);
  var squares = 0.0;
  for (var i = lid; i < count; i += ${THREADS}u) {
    let d = load_x(start + i / p.group * p.width + i % p.group) - mean;
    squares += d * d;
  }
  squares = row_sum(lid, squares);
  if (lid == 0u) {
    let at = 3u * ((item * p.groups + wid.y) * p.chunks + wid.x);
    store_moments(at, f32(count));
    store_moments(at + 1u, mean);
    store_moments(at + 2u, squares);
  }`,
  });

/** Moments of all chunks of a group, put together: mean, and one over the deviation. */
export const groupStatisticsKernel = (): Kernel =>
  assemble({
    name: "norm.group.statistics",
    slots: [read("moments", "f32"), write("statistics", "f32")],
    params: [...u32("count", "chunks"), ...f32("eps")],
    workgroup: [64],
    body: `
  let i = wid.x * 64u + lid;
  if (i >= p.count) { return; }
  var n = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  for (var c = 0u; c < p.chunks; c++) {
    let at = 3u * (i * p.chunks + c);
    let more = load_moments(at);
    let d = load_moments(at + 1u) - mean;
    squares += load_moments(at + 2u) + d * d * n * more / (n + more);
    mean += d * more / (n + more);
    n += more;
  }
  store_statistics(2u * i, mean);
  store_statistics(2u * i + 1u, inverseSqrt(squares / n + p.eps));`,
  });

/** Normalises every number by the statistics of its group. */
export const groupApplyKernel = (shape: NormFinish): Kernel =>
  assemble({
    name: `norm.group.apply${shape.four ? "" : ".single"}`,
    slots: [...normSlots(shape), read("statistics", "f32")],
    params: [...normParams, ...u32("group", "groups")],
    workgroup: [MAP_THREADS],
    module: normFinish(shape),
    body: `
  let i = wid.y * p.wide + wid.x * ${MAP_THREADS}u + lid;
  if (i >= p.rows * p.lanes) { return; }
  let row = i / p.lanes;
  let lane = i % p.lanes;
  let first = row / p.tokens * p.groups;
  ${
    shape.four
      ? `let channel = vec4u(lane * 4u) + vec4u(0u, 1u, 2u, 3u);
  let at = 2u * (vec4u(first) + channel / p.group);
  let mean = vec4f(load_statistics(at.x), load_statistics(at.y), load_statistics(at.z), load_statistics(at.w));
  let factor = vec4f(load_statistics(at.x + 1u), load_statistics(at.y + 1u), load_statistics(at.z + 1u), load_statistics(at.w + 1u));`
      : `let at = 2u * (first + lane / p.group);
  let mean = load_statistics(at);
  let factor = load_statistics(at + 1u);`
  }
  store_y(i, finished(row, lane, (load_x(i) - mean) * factor));`,
  });
