import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { rowsOf } from "../convert";
import { at, fill, filled, float, int, rowBytes } from "../job";
import { log, LOG2E, exp2, madd, sum4 } from "../math";
import { dot } from "../rows";
import { mean, offsets, secondMoments, softmax } from "../summarize";
import { blockColumns, levelColumn } from "./tree";

/** Unit: a visual block. Its nodes of all levels at every anchor that is held (levels.md section 2). */
export function nodes(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const keys = rowsOf(job, L.KEY, block * size, valid, scratch);
  const values = rowsOf(job, L.VALUE, block * size, valid, scratch + <usize>size * row);
  const order = at(job, L.ORDER) + (<usize>(block * size) << 2);
  const work = scratch + <usize>size * row * 2;
  const depth = int(job, V.DEPTH);
  const leaves = 1 << depth;
  const length = size >> depth;
  const clusters = int(job, V.CLUSTER_COUNT);
  const columns = blockColumns(job);
  const all = int(job, L.VISUAL_BLOCKS) * columns;
  for (let leaf = 0; leaf < leaves; leaf++) {
    const count = max(0, min(length, valid - leaf * length));
    offsets(order + (<usize>(leaf * length) << 2), count, block * size, row, work);
    for (let c = 0; c < clusters; c++) {
      const anchor = at(job, L.ANCHOR) + <usize>(int(job, V.CLUSTER_FIRST) + c) * row;
      const column = c * all + block * columns + leaf;
      if (count == 0) empty(job, column, row);
      else summary(job, count, keys, values, anchor, column, work, row);
    }
  }
  for (let c = 0; c < clusters; c++) {
    const anchor = at(job, L.ANCHOR) + <usize>(int(job, V.CLUSTER_FIRST) + c) * row;
    const first = c * all + block * columns;
    for (let level = depth - 1; level >= 0; level--)
      for (let u = 0; u < 1 << level; u++)
        merge(job, first + levelColumn(depth, level + 1) + 2 * u, first + levelColumn(depth, level) + u, anchor, row);
    empty(job, first + columns - 1, row);
    projectValues(job, first, columns, row);
  }
}

@inline function rowAt(job: usize, field: i32, column: i32, row: usize): usize {
  return at(job, field) + <usize>column * row;
}

@inline function cell(job: usize, field: i32, column: i32): usize {
  return at(job, field) + (<usize>column << 2);
}

function empty(job: usize, column: i32, row: usize): void {
  fill(rowAt(job, V.NODE_KEY, column, row), row, 0);
  fill(rowAt(job, V.NODE_VALUE, column, row), row, 0);
  fill(rowAt(job, V.NODE_SPREAD, column, row), row, 0);
  store<f32>(cell(job, V.NODE_MASS, column), -Infinity);
  store<f32>(cell(job, V.NODE_NOISE, column), 0);
}

function summary(
  job: usize,
  count: i32,
  keys: usize,
  values: usize,
  anchor: usize,
  column: i32,
  rows: usize,
  row: usize,
): void {
  const weights = rows + 512;
  store<f32>(cell(job, V.NODE_MASS, column), softmax(job, count, keys, anchor, rows, weights, row));
  const key = rowAt(job, V.NODE_KEY, column, row);
  const value = rowAt(job, V.NODE_VALUE, column, row);
  mean(keys, rows, count, weights, key, row);
  mean(values, rows, count, weights, value, row);
  secondMoments(keys, rows, count, weights, key, rowAt(job, V.NODE_SPREAD, column, row), row);
  store<f32>(cell(job, V.NODE_NOISE, column), secondMoments(values, rows, count, weights, value, 0, row));
}

/** The summary of columns `child` and `child + 1` at column `to`. */
function merge(job: usize, child: i32, to: i32, anchor: usize, row: usize): void {
  const m0 = load<f32>(cell(job, V.NODE_MASS, child)), m1 = load<f32>(cell(job, V.NODE_MASS, child + 1));
  const k0 = rowAt(job, V.NODE_KEY, child, row), k1 = k0 + row;
  const v0 = rowAt(job, V.NODE_VALUE, child, row), v1 = v0 + row;
  const s0 = rowAt(job, V.NODE_SPREAD, child, row), s1 = s0 + row;
  if (m0 == -Infinity && m1 == -Infinity) {
    empty(job, to, row);
    return;
  }
  // With z = s a.k the difference of the log-masses gives the weights; the tangent of the sum is
  // m = log sum e^(M_c - M_0) + m_0 - w_1 (z_1 - z_0), which keeps its digits however large z is.
  let w1: f32 = 1;
  let mass = m1;
  if (m1 == -Infinity) {
    w1 = 0;
    mass = m0;
  } else if (m0 != -Infinity) {
    const gap = float(job, L.SCALE) * difference(anchor, k1, k0, row);
    const ahead = m1 - m0 + gap;
    const small = f32x4.extract_lane(exp2(f32x4.splat(-abs(ahead) * LOG2E)), 0);
    const total = <f32>log(<f64>(1 + small));
    w1 = ahead > 0 ? 1 / (1 + small) : small / (1 + small);
    // log(e^0 + e^ahead) = max(0, ahead) + log(1 + e^-|ahead|)
    mass = m0 + max(<f32>0, ahead) + total - w1 * gap;
  }
  const a = f32x4.splat(1 - w1), b = f32x4.splat(w1);
  const key = rowAt(job, V.NODE_KEY, to, row), value = rowAt(job, V.NODE_VALUE, to, row);
  const spread = rowAt(job, V.NODE_SPREAD, to, row);
  const ab = f32x4.mul(a, b);
  let noise = f32x4.splat(0);
  for (let x: usize = 0; x < row; x += 16) {
    const p = v128.load(k0 + x), q = v128.load(k1 + x);
    v128.store(key + x, madd(b, q, f32x4.mul(a, p)));
    const e = f32x4.sub(q, p);
    v128.store(spread + x, madd(ab, f32x4.mul(e, e), madd(b, v128.load(s1 + x), f32x4.mul(a, v128.load(s0 + x)))));
    const r = v128.load(v0 + x), t = v128.load(v1 + x);
    v128.store(value + x, madd(b, t, f32x4.mul(a, r)));
    const g = f32x4.sub(t, r);
    noise = madd(g, g, noise);
  }
  const n0 = load<f32>(cell(job, V.NODE_NOISE, child)), n1 = load<f32>(cell(job, V.NODE_NOISE, child + 1));
  store<f32>(cell(job, V.NODE_NOISE, to), (1 - w1) * n0 + w1 * n1 + w1 * (1 - w1) * sum4(noise));
  store<f32>(cell(job, V.NODE_MASS, to), mass);
}

/** a . (p - q) */
function difference(a: usize, p: usize, q: usize, row: usize): f32 {
  let s = f32x4.splat(0);
  for (const end = a + row; a < end; a += 16, p += 16, q += 16)
    s = madd(v128.load(a), f32x4.sub(v128.load(p), v128.load(q)), s);
  return sum4(s);
}

/** Values projected onto 16 channels, and their squared lengths. */
function projectValues(job: usize, first: i32, count: i32, row: usize): void {
  const table = at(job, V.PROJECTION);
  if (table == 0) return;
  let from = rowAt(job, V.NODE_VALUE, first, row);
  let to = at(job, V.NODE_PROJECTED) + (<usize>first << 6);
  let square = cell(job, V.NODE_SQUARE, first);
  for (let u = 0; u < count; u++, from += row, to += 64, square += 4) {
    projectRow(from, table, row, to);
    store<f32>(square, dot(from, from, row));
  }
}

/** to[16] = row . table */
export function projectRow(from: usize, table: usize, row: usize, to: usize): void {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  for (const end = from + row; from < end; from += 4, table += 64) {
    const x = v128.load32_splat(from);
    a = madd(x, v128.load(table), a);
    b = madd(x, v128.load(table, 16), b);
    c = madd(x, v128.load(table, 32), c);
    d = madd(x, v128.load(table, 48), d);
  }
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}
