import * as L from "../src/job-layout";
import { at, fill, filled, float, int, rowBytes } from "./job";
import { exp2, log, LOG2E, LOWEST, madd, sum4, top4 } from "./math";
import { dots } from "./rows";
import { ordered, selectRow } from "./select";
import { textLogits } from "./text";

/** Unit: a query block. Probabilities, selection, gain test, R and E (docs/method.md#implicit-attention to docs/method.md#output). */
export function estimatePaper(job: usize, row: i32, scratch: usize): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const text = int(job, L.TEXT_VALID);
  const bytes = rowBytes(job);
  const line = <usize>((n + 8) & ~3) << 2;
  const p = scratch;
  const scores = p + line;
  const errors = scores + line;
  const others = errors + line;
  const ranks = others + line;
  const y = ranks + line;
  const marks = y + (<usize>((text + 31) & ~15) << 2);
  const offset = <usize>row * bytes;
  const query = at(job, L.QUERY_MEAN) + offset;
  dots(query, at(job, L.KEY_MEAN), n, bytes, scores);
  textLogits(job, query, y);
  const textMass = probabilities(job, scores, p, y, ranks);
  keep(job, row, scores, p, textMass);

  const competes = int(job, L.TEXT_COMPETES) != 0 && text > 0;
  if (competes) store<f32>(p + (<usize>n << 2), textMass);
  const columns = int(job, L.RANKED) ? (competes ? n + 1 : n) : 0;
  selectRow(job, row, columns, ranks, p, competes ? 0 : textMass, marks);

  const factor = at(job, L.FACTOR);
  const gain = at(job, L.GAIN);
  if (factor == 0 && gain == 0) return;
  dots(at(job, L.QUERY_DEVIATION) + offset, at(job, L.KEY_MEAN), n, bytes, errors);
  dots(query, at(job, L.KEY_DEVIATION), n, bytes, others);
  const out = at(job, L.COMPENSATION) + offset;
  if (factor != 0) fill(out, bytes, 0);
  let mass = textMass;
  for (let j = 0; j < n; j++) {
    const x = <usize>j << 2;
    const gains = abs(load<f32>(scores + x)) > abs(load<f32>(errors + x)) + abs(load<f32>(others + x));
    if (gain != 0) store<u8>(gain + <usize>(row * n + j), gains ? 1 : 0);
    if (factor == 0) continue;
    if (load<u8>(marks + <usize>j) || !gains) mass += load<f32>(p + x);
    else addRow(load<f32>(p + x), at(job, L.VALUE_MEAN) + <usize>j * bytes, out, bytes);
  }
  if (factor != 0) store<f32>(factor + (<usize>row << 2), mass);
}

@inline function addRow(weight: f32, from: usize, out: usize, bytes: usize): void {
  const w = f32x4.splat(weight);
  for (let x: usize = 0; x < bytes; x += 16) v128.store(out + x, madd(w, v128.load(from + x), v128.load(out + x)));
}

/**
 * Softmax in which a block weighs as many keys as it holds; returns the mass of all text.
 *
 * Blocks are ranked by their logits (`ranks`, text last): the probabilities of peaked rows vanish in f32.
 */
function probabilities(job: usize, scores: usize, p: usize, y: usize, ranks: usize): f32 {
  const n = int(job, L.VISUAL_BLOCKS);
  const text = int(job, L.TEXT_VALID);
  const size = int(job, L.BLOCK_SIZE);
  const scale = f32x4.splat(float(job, L.SCALE));
  const full = f32x4.splat(<f32>log(<f64>size));
  const end = <usize>n << 2;
  for (let x: usize = 0; x < end; x += 16) v128.store(p + x, f32x4.add(f32x4.mul(scale, v128.load(scores + x)), full));
  if (!int(job, L.UNIFORM_WEIGHTS)) {
    const last = <f32>log(<f64>filled(job, n - 1) / <f64>size);
    store<f32>(p + end - 4, load<f32>(p + end - 4) + last);
  }
  pad(p, n);
  pad(y, text);
  const top = max(largest(p, n), largest(y, text));
  for (let x: usize = 0; x < end; x += 4) store<i32>(ranks + x, ordered(load<i32>(p + x)));
  const visual = exponentials(p, n, top);
  const written = exponentials(y, text, top);
  if (text > 0) store<i32>(ranks + end, ordered(reinterpret<i32>(top + <f32>log(<f64>written))));
  const share = f32x4.splat(1 / (visual + written));
  for (let x: usize = 0; x < end; x += 16) v128.store(p + x, f32x4.mul(v128.load(p + x), share));
  return written / (visual + written);
}

/** Completes the last vector with logits that vanish. */
export function pad(values: usize, count: i32): void {
  for (let j = count; j < ((count + 3) & ~3); j++) store<f32>(values + (<usize>j << 2), LOWEST);
}

export function largest(values: usize, count: i32): f32 {
  let top = f32x4.splat(LOWEST);
  for (const end = values + (<usize>count << 2); values < end; values += 16) top = f32x4.pmax(top, v128.load(values));
  return f32x4.extract_lane(top4(top), 0);
}

/** values = exp(values - top) in place; returns their sum. */
export function exponentials(values: usize, count: i32, level: f32): f32 {
  const top = f32x4.splat(level);
  const base2 = f32x4.splat(LOG2E);
  let sum = f32x4.splat(0);
  for (const end = values + (<usize>count << 2); values < end; values += 16) {
    const e = exp2(f32x4.mul(f32x4.sub(v128.load(values), top), base2));
    v128.store(values, e);
    sum = f32x4.add(sum, e);
  }
  return sum4(sum);
}

function keep(job: usize, row: i32, scores: usize, p: usize, textMass: f32): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const all = at(job, L.SCORES);
  if (all != 0) memory.copy(all + (<usize>(row * n) << 2), scores, <usize>n << 2);
  const probabilities = at(job, L.PROBABILITIES);
  if (probabilities == 0) return;
  const columns = int(job, L.COLUMNS);
  const to = probabilities + (<usize>(row * columns) << 2);
  memory.copy(to, p, <usize>n << 2);
  if (columns > n) store<f32>(to + (<usize>n << 2), textMass);
}
