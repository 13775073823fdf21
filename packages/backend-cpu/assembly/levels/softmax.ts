import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { int } from "../job";
import { exp2, LOG2E, LOWEST, sum4, top4 } from "../math";
import { blockColumns, levelColumn } from "./tree";

/** e^(g - top) over all columns, divided by the sum over leaves and text; the logits are in units of log 2. */
export function softmaxProbe(job: usize, g: usize, y: usize, text: i32): void {
  const depth = int(job, V.DEPTH);
  const columns = int(job, L.VISUAL_BLOCKS) * blockColumns(job);
  base2(y, text);
  const top = max(largestOf(job, g, depth), largest(y, text));
  exponentials(g, columns, top);
  const total = sumOf(job, g, depth) + exponentials(y, text, top);
  scaleAll(g, columns, 1 / total);
  scaleAll(y, text, 1 / total);
}

/** The softmax over the nodes of one level and the text, in place. */
export function softmaxLevel(job: usize, x: usize, level: i32, y: usize, text: i32): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const stride = <usize>blockColumns(job) << 2;
  const count = 1 << level;
  base2(y, text);
  const top = max(largestOf(job, x, level), largest(y, text));
  const first = x + (<usize>levelColumn(int(job, V.DEPTH), level) << 2);
  for (let j = 0, p = first; j < n; j++, p += stride) exponentials(p, count, top);
  const scale: f32 = 1 / (sumOf(job, x, level) + exponentials(y, text, top));
  for (let j = 0, p = first; j < n; j++, p += stride) scaleAll(p, count, scale);
  scaleAll(y, text, scale);
}

function base2(y: usize, count: i32): void {
  const factor = f32x4.splat(LOG2E);
  for (const end = y + (<usize>count << 2); y < end; y += 16) v128.store(y, f32x4.mul(v128.load(y), factor));
}

function largest(y: usize, count: i32): f32 {
  let top: f32 = LOWEST;
  for (let m = 0; m < count; m++) top = max(top, load<f32>(y + (<usize>m << 2)));
  return top;
}

/** The largest value of a level's columns. */
function largestOf(job: usize, values: usize, level: i32): f32 {
  const n = int(job, L.VISUAL_BLOCKS);
  const stride = <usize>blockColumns(job) << 2;
  let p = values + (<usize>levelColumn(int(job, V.DEPTH), level) << 2);
  const bytes: usize = <usize>4 << level;
  if (bytes < 16) {
    let top: f32 = LOWEST;
    for (let j = 0; j < n; j++, p += stride)
      for (let q = p; q < p + bytes; q += 4) top = max(top, load<f32>(q));
    return top;
  }
  let top = f32x4.splat(LOWEST);
  for (let j = 0; j < n; j++, p += stride)
    for (let q = p; q < p + bytes; q += 16) top = f32x4.pmax(top, v128.load(q));
  return f32x4.extract_lane(top4(top), 0);
}

function sumOf(job: usize, values: usize, level: i32): f32 {
  const n = int(job, L.VISUAL_BLOCKS);
  const stride = <usize>blockColumns(job) << 2;
  let p = values + (<usize>levelColumn(int(job, V.DEPTH), level) << 2);
  const bytes: usize = <usize>4 << level;
  if (bytes < 16) {
    let sum: f32 = 0;
    for (let j = 0; j < n; j++, p += stride)
      for (let q = p; q < p + bytes; q += 4) sum += load<f32>(q);
    return sum;
  }
  let sum = f32x4.splat(0);
  for (let j = 0; j < n; j++, p += stride)
    for (let q = p; q < p + bytes; q += 16) sum = f32x4.add(sum, v128.load(q));
  return sum4(sum);
}

/** 2^(x - top) in place; returns the sum. */
function exponentials(values: usize, count: i32, top: f32): f32 {
  const level = f32x4.splat(top);
  let sum = f32x4.splat(0);
  let left = count;
  for (; left >= 4; left -= 4, values += 16) {
    const e = exp2(f32x4.sub(v128.load(values), level));
    v128.store(values, e);
    sum = f32x4.add(sum, e);
  }
  let total = sum4(sum);
  for (; left > 0; left--, values += 4) {
    const e = f32x4.extract_lane(exp2(f32x4.splat(load<f32>(values) - top)), 0);
    store<f32>(values, e);
    total += e;
  }
  return total;
}

function scaleAll(values: usize, count: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  let left = count;
  for (; left >= 4; left -= 4, values += 16) v128.store(values, f32x4.mul(v128.load(values), f));
  for (; left > 0; left--, values += 4) store<f32>(values, load<f32>(values) * factor);
}
