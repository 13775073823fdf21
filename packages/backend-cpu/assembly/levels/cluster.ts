import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { at, copy, fill, filled, int, rowBytes } from "../job";
import { madd, sum4 } from "../math";
import { scaleRow } from "../rows";

const ROUNDS = 10;

/**
 * Unit: the head. Clusters of its query blocks by their means, farthest-point start, ten rounds of which the last
 * assignment counts; and the anchor of each (levels.md section 2).
 */
export function cluster(job: usize, scratch: usize): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const row = rowBytes(job);
  const wanted = min(int(job, V.CLUSTERS_WANTED), n);
  const means = at(job, L.QUERY_MEAN);
  const assigned = at(job, V.CLUSTER);
  const centres = scratch;
  const gaps = centres + <usize>wanted * row;
  farthest(means, n, wanted, centres, gaps, row);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < n; i++)
      store<i32>(assigned + (<usize>i << 2), nearest(means + <usize>i * row, centres, wanted, row));
    if (round < ROUNDS - 1) moveCentres(means, assigned, n, wanted, centres, gaps, row);
  }
  const count = renumber(assigned, n, wanted, gaps);
  store<i32>(assigned + (<usize>n << 2), count);
  anchors(job, assigned, n, count, row);
}

function distance(a: usize, b: usize, row: usize): f32 {
  let s = f32x4.splat(0);
  for (const end = a + row; a < end; a += 16, b += 16) {
    const e = f32x4.sub(v128.load(a), v128.load(b));
    s = madd(e, e, s);
  }
  return sum4(s);
}

function farthest(means: usize, n: i32, wanted: i32, centres: usize, gaps: usize, row: usize): void {
  fill(centres, row, 0);
  for (let i = 0; i < n; i++)
    for (let x: usize = 0; x < row; x += 16)
      v128.store(centres + x, f32x4.add(v128.load(centres + x), v128.load(means + <usize>i * row + x)));
  scaleRow(centres, 1 / <f32>n, row);
  for (let i = 0; i < n; i++) store<f32>(gaps + (<usize>i << 2), distance(means + <usize>i * row, centres, row));
  for (let c = 0; c < wanted; c++) {
    let far = 0;
    for (let i = 1; i < n; i++) if (load<f32>(gaps + (<usize>i << 2)) > load<f32>(gaps + (<usize>far << 2))) far = i;
    const centre = centres + <usize>c * row;
    copy(centre, means + <usize>far * row, row);
    for (let i = 0; i < n; i++) {
      const gap = distance(means + <usize>i * row, centre, row);
      const place = gaps + (<usize>i << 2);
      store<f32>(place, c == 0 ? gap : min(gap, load<f32>(place)));
    }
  }
}

function nearest(mean: usize, centres: usize, count: i32, row: usize): i32 {
  let best = 0;
  let least: f32 = Infinity;
  for (let c = 0; c < count; c++, centres += row) {
    const gap = distance(mean, centres, row);
    if (gap < least) {
      least = gap;
      best = c;
    }
  }
  return best;
}

/** Each centre becomes the average of its blocks; one without blocks stays where it is. */
function moveCentres(means: usize, assigned: usize, n: i32, wanted: i32, centres: usize, sums: usize, row: usize): void {
  for (let c = 0; c < wanted; c++) {
    let blocks = 0;
    fill(sums, row, 0);
    for (let i = 0; i < n; i++) {
      if (load<i32>(assigned + (<usize>i << 2)) != c) continue;
      blocks++;
      for (let x: usize = 0; x < row; x += 16)
        v128.store(sums + x, f32x4.add(v128.load(sums + x), v128.load(means + <usize>i * row + x)));
    }
    if (blocks == 0) continue;
    scaleRow(sums, 1 / <f32>blocks, row);
    copy(centres + <usize>c * row, sums, row);
  }
}

/** Numbers clusters that have blocks without gaps; returns how many there are. */
function renumber(assigned: usize, n: i32, wanted: i32, numbers: usize): i32 {
  let count = 0;
  for (let c = 0; c < wanted; c++) {
    let used = false;
    for (let i = 0; i < n; i++) used = used || load<i32>(assigned + (<usize>i << 2)) == c;
    store<i32>(numbers + (<usize>c << 2), used ? count++ : -1);
  }
  for (let i = 0; i < n; i++) {
    const place = assigned + (<usize>i << 2);
    store<i32>(place, load<i32>(numbers + (<usize>load<i32>(place) << 2)));
  }
  return count;
}

/** The mean of all valid queries of a cluster's blocks. */
function anchors(job: usize, assigned: usize, n: i32, count: i32, row: usize): void {
  const means = at(job, L.QUERY_MEAN);
  fill(at(job, L.ANCHOR), <usize>min(int(job, V.CLUSTERS_WANTED), n) * row, 0);
  for (let c = 0; c < count; c++) {
    const anchor = at(job, L.ANCHOR) + <usize>c * row;
    let tokens = 0;
    for (let i = 0; i < n; i++) {
      if (load<i32>(assigned + (<usize>i << 2)) != c) continue;
      const valid = filled(job, i);
      tokens += valid;
      const weight = f32x4.splat(<f32>valid);
      for (let x: usize = 0; x < row; x += 16)
        v128.store(anchor + x, madd(weight, v128.load(means + <usize>i * row + x), v128.load(anchor + x)));
    }
    scaleRow(anchor, 1 / <f32>tokens, row);
  }
}
