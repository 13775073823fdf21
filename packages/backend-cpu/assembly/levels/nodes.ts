import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { rowsOf } from "../convert";
import { at, fill, filled, float, int, rowBytes } from "../job";
import { log, LOG2E, exp2, madd, sum4 } from "../math";
import { meanFour, projectFour, weighFour } from "./leaf";
import { dotsPair, projectRow } from "./products";
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
  const projected = at(job, V.TOKEN_PROJECTED) + (<usize>(block * size) << 6);
  const columns = blockColumns(job);
  const spreads = scratch + <usize>size * row * 2;
  const work = spreads + <usize>columns * row;
  const depth = int(job, V.DEPTH);
  const leaves = 1 << depth;
  const length = size >> depth;
  const all = int(job, L.VISUAL_BLOCKS) * columns;
  const begin = int(job, V.WORK_FIRST);
  for (let c = begin; c < begin + int(job, V.WORK_COUNT); c++) {
    const anchor = at(job, L.ANCHOR) + <usize>c * row;
    const first = (c - int(job, V.CLUSTER_FIRST)) * all + block * columns;
    const kept = at(job, V.NODE_SPREAD);
    const spread = kept == 0 ? spreads : kept + <usize>first * row;
    for (let leaf = 0; leaf < leaves; leaf++) {
      const count = max(0, min(length, valid - leaf * length));
      const column = first + leaf;
      const own = spread + <usize>leaf * row;
      offsets(order + (<usize>(leaf * length) << 2), count, block * size, row, work);
      if (count == 0) empty(job, column, own, row);
      else if (count == 4) {
        const w = summaryOfFour(job, keys, values, anchor, column, own, work, row);
        const tokens = order + (<usize>(leaf * length) << 2);
        projectFour(projected, tokens, block * size, w, at(job, V.NODE_PROJECTED) + (<usize>column << 6));
      }
      else summary(job, count, keys, values, anchor, column, own, work, row);
    }
    for (let level = depth - 1; level >= 0; level--)
      for (let u = 0; u < 1 << level; u++)
        merge(job, first, levelColumn(depth, level + 1) + 2 * u, levelColumn(depth, level) + u, spread, anchor, row);
    empty(job, first + columns - 1, spread + <usize>(columns - 1) * row, row);
    variances(job, c, block * columns, columns, spread, work, row);
  }
}

/** tau of the block's nodes for every query block of the cluster (beyond.md section 5). */
function variances(job: usize, c: i32, place: i32, columns: i32, spread: usize, work: usize, row: usize): void {
  const starts = at(job, V.MEMBER_START) + (<usize>c << 2);
  const members = at(job, V.MEMBERS);
  const all = int(job, L.VISUAL_BLOCKS) * blockColumns(job);
  const square = f32x4.splat(float(job, L.SCALE) * float(job, L.SCALE));
  const end = load<i32>(starts, 4);
  for (let m = load<i32>(starts); m < end; m += 2) {
    // In pairs; the last one may stand alone.
    const i = load<i32>(members + (<usize>m << 2));
    const other = load<i32>(members + (<usize>min(m + 1, end - 1) << 2));
    scaled(at(job, L.QUERY_SPREAD) + <usize>i * row, square, work, row);
    scaled(at(job, L.QUERY_SPREAD) + <usize>other * row, square, work + row, row);
    const out = at(job, V.VARIANCE) + (<usize>(i * all + place) << 2);
    dotsPair(work, work + row, spread, columns, row, out, at(job, V.VARIANCE) + (<usize>(other * all + place) << 2));
  }
}

function scaled(from: usize, factor: v128, to: usize, row: usize): void {
  for (let x: usize = 0; x < row; x += 16) v128.store(to + x, f32x4.mul(factor, v128.load(from + x)));
}

@inline function rowAt(job: usize, field: i32, column: i32, row: usize): usize {
  return at(job, field) + <usize>column * row;
}

@inline function cell(job: usize, field: i32, column: i32): usize {
  return at(job, field) + (<usize>column << 2);
}

function empty(job: usize, column: i32, spread: usize, row: usize): void {
  fill(rowAt(job, V.NODE_KEY, column, row), row, 0);
  fill(rowAt(job, V.NODE_VALUE, column, row), row, 0);
  fill(spread, row, 0);
  fill(at(job, V.NODE_PROJECTED) + (<usize>column << 6), 64, 0);
  store<f32>(cell(job, V.NODE_MASS, column), -Infinity);
  store<f32>(cell(job, V.NODE_NOISE, column), 0);
  store<f32>(cell(job, V.NODE_SQUARE, column), 0);
}

/** A leaf of four tokens, as most are; returns their weights. */
function summaryOfFour(
  job: usize,
  keys: usize,
  values: usize,
  anchor: usize,
  column: i32,
  spread: usize,
  offsets: usize,
  row: usize,
): v128 {
  const w = weighFour(anchor, keys, offsets, float(job, L.SCALE), row, cell(job, V.NODE_MASS, column));
  const value = rowAt(job, V.NODE_VALUE, column, row);
  meanFour(keys, offsets, w, rowAt(job, V.NODE_KEY, column, row), spread, row);
  store<f32>(cell(job, V.NODE_NOISE, column), meanFour(values, offsets, w, value, 0, row));
  store<f32>(cell(job, V.NODE_SQUARE, column), square(value, row));
  return w;
}

/** |row|^2 in four sums: one alone would wait for every addition. */
function square(from: usize, row: usize): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  for (const end = from + row; from < end; from += 64) {
    const x = v128.load(from), y = v128.load(from, 16), z = v128.load(from, 32), t = v128.load(from, 48);
    a = madd(x, x, a);
    b = madd(y, y, b);
    c = madd(z, z, c);
    d = madd(t, t, d);
  }
  return sum4(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

function summary(
  job: usize,
  count: i32,
  keys: usize,
  values: usize,
  anchor: usize,
  column: i32,
  spread: usize,
  rows: usize,
  row: usize,
): void {
  const weights = rows + 512;
  store<f32>(cell(job, V.NODE_MASS, column), softmax(job, count, keys, anchor, rows, weights, row));
  const key = rowAt(job, V.NODE_KEY, column, row);
  const value = rowAt(job, V.NODE_VALUE, column, row);
  mean(keys, rows, count, weights, key, row);
  mean(values, rows, count, weights, value, row);
  secondMoments(keys, rows, count, weights, key, spread, row);
  store<f32>(cell(job, V.NODE_NOISE, column), secondMoments(values, rows, count, weights, value, 0, row));
  store<f32>(cell(job, V.NODE_SQUARE, column), square(value, row));
  projectRow(value, at(job, V.PROJECTION), row, at(job, V.NODE_PROJECTED) + (<usize>column << 6));
}

/** The summary of columns `from` and `from + 1` of the block that begins at column `first`, at its column `into`. */
function merge(job: usize, first: i32, from: i32, into: i32, spreads: usize, anchor: usize, row: usize): void {
  const child = first + from, to = first + into;
  const m0 = load<f32>(cell(job, V.NODE_MASS, child)), m1 = load<f32>(cell(job, V.NODE_MASS, child + 1));
  const k0 = rowAt(job, V.NODE_KEY, child, row), k1 = k0 + row;
  const v0 = rowAt(job, V.NODE_VALUE, child, row), v1 = v0 + row;
  const s0 = spreads + <usize>from * row, s1 = s0 + row;
  const spread = spreads + <usize>into * row;
  if (m0 == -Infinity && m1 == -Infinity) {
    empty(job, to, spread, row);
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
  const ab = f32x4.mul(a, b);
  let noise = f32x4.splat(0), length = f32x4.splat(0);
  for (let x: usize = 0; x < row; x += 16) {
    const p = v128.load(k0 + x), q = v128.load(k1 + x);
    v128.store(key + x, madd(b, q, f32x4.mul(a, p)));
    const e = f32x4.sub(q, p);
    v128.store(spread + x, madd(ab, f32x4.mul(e, e), madd(b, v128.load(s1 + x), f32x4.mul(a, v128.load(s0 + x)))));
    const r = v128.load(v0 + x), t = v128.load(v1 + x);
    const v = madd(b, t, f32x4.mul(a, r));
    v128.store(value + x, v);
    length = madd(v, v, length);
    const g = f32x4.sub(t, r);
    noise = madd(g, g, noise);
  }
  const n0 = load<f32>(cell(job, V.NODE_NOISE, child)), n1 = load<f32>(cell(job, V.NODE_NOISE, child + 1));
  store<f32>(cell(job, V.NODE_NOISE, to), (1 - w1) * n0 + w1 * n1 + w1 * (1 - w1) * sum4(noise));
  store<f32>(cell(job, V.NODE_MASS, to), mass);
  store<f32>(cell(job, V.NODE_SQUARE, to), sum4(length));
  const p0 = at(job, V.NODE_PROJECTED) + (<usize>child << 6), p1 = p0 + 64;
  const projected = at(job, V.NODE_PROJECTED) + (<usize>to << 6);
  for (let x: usize = 0; x < 64; x += 16)
    v128.store(projected + x, madd(b, v128.load(p1 + x), f32x4.mul(a, v128.load(p0 + x))));
}

/** a . (p - q) */
function difference(a: usize, p: usize, q: usize, row: usize): f32 {
  let s = f32x4.splat(0);
  for (const end = a + row; a < end; a += 16, p += 16, q += 16)
    s = madd(v128.load(a), f32x4.sub(v128.load(p), v128.load(q)), s);
  return sum4(s);
}
