import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { rowsOf } from "../convert";
import { at, fill, filled, int, rowBytes } from "../job";
import { madd } from "../math";
import { scaleRow } from "../rows";
import { bisect } from "./bisect";
import { centreInto } from "./order";

/** Unit: a visual block. Second moment of its queries about the anchor of its cluster, and its probes. */
export function queryStatistics(job: usize, block: i32, scratch: usize): void {
  const size = int(job, L.BLOCK_SIZE);
  const row = rowBytes(job);
  const valid = filled(job, block);
  const first = block * size;
  const centred = scratch;
  const work = centred + <usize>size * row;
  const mean = work + row * 4 + 2048;
  const order = mean + row;
  const queries = rowsOf(job, L.QUERY, first, valid, order + <usize>(size << 2));
  const cluster = load<i32>(at(job, V.CLUSTER) + (<usize>block << 2));
  secondMoment(queries, valid, at(job, L.ANCHOR) + <usize>cluster * row, at(job, L.QUERY_SPREAD) + <usize>block * row, row);
  const parts = int(job, V.PARTS);
  for (let slot = 0; slot < size; slot++) store<i32>(order + (<usize>slot << 2), slot);
  centreInto(queries, centred, valid, row, row, 1, mean);
  bisect(order, 0, size, valid, centred, ctz(parts), int(job, L.POWER_STEPS), row, work);
  const length = size / parts;
  let count = 0;
  for (let part = 0; part < parts; part++) {
    const tokens = min(length, valid - part * length);
    const probe = at(job, V.PROBE) + <usize>(block * parts + part) * row;
    const share = at(job, V.PROBE_SHARE) + (<usize>(block * parts + part) << 2);
    fill(probe, row, 0);
    store<f32>(share, 0);
    if (tokens <= 0) continue;
    addSlots(queries, order + (<usize>(part * length) << 2), tokens, probe, row);
    scaleRow(probe, 1 / <f32>tokens, row);
    store<f32>(share, <f32>tokens / <f32>valid);
    count++;
  }
  // Without probes the one part is the block: its mean serves the moments, and no probe counts.
  store<i32>(at(job, V.PROBE_COUNT) + (<usize>block << 2), int(job, V.PROBES_OFF) ? 0 : count);
}

function secondMoment(rows: usize, count: i32, anchor: usize, out: usize, row: usize): void {
  fill(out, row, 0);
  for (let r = 0; r < count; r++, rows += row)
    for (let x: usize = 0; x < row; x += 16) {
      const e = f32x4.sub(v128.load(rows + x), v128.load(anchor + x));
      v128.store(out + x, madd(e, e, v128.load(out + x)));
    }
  scaleRow(out, 1 / <f32>count, row);
}

function addSlots(rows: usize, slots: usize, count: i32, out: usize, row: usize): void {
  for (let r = 0; r < count; r++, slots += 4) {
    const from = rows + <usize>load<i32>(slots) * row;
    for (let x: usize = 0; x < row; x += 16) v128.store(out + x, f32x4.add(v128.load(out + x), v128.load(from + x)));
  }
}
