import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { at, float, int } from "../job";
import { blockColumns, levelColumn } from "./tree";

/** Unit: a query block. The blocks it attends exactly, and the columns of nodes with their biases (levels.md section 5). */
export function lists(job: usize, i: i32): void {
  const n = int(job, L.VISUAL_BLOCKS);
  const choice = at(job, V.CHOICE) + <usize>(i * n);
  const indices = at(job, L.INDICES) + (<usize>(i * int(job, L.STRIDE)) << 2);
  let slot = indices;
  for (let j = 0; j < n; j++) {
    if (load<u8>(choice + <usize>j) != V.EXACT) continue;
    store<i32>(slot, j);
    slot += 4;
  }
  for (let t = 0; t < int(job, L.TEXT_BLOCKS); t++, slot += 4) store<i32>(slot, n + t);
  store<i32>(at(job, L.COUNTS) + (<usize>i << 2), <i32>((slot - indices) >> 2));

  const columns = blockColumns(job);
  const depth = int(job, V.DEPTH);
  const group = load<i32>(at(job, V.CLUSTER) + (<usize>i << 2)) - int(job, V.CLUSTER_FIRST);
  const first = group * n * columns;
  const place = <usize>(i * int(job, V.LIST_STRIDE)) << 2;
  const listed = at(job, V.COLUMNS_LISTED) + place;
  const biases = at(job, V.COLUMN_BIAS) + place;
  const variance = at(job, V.VARIANCE) + (<usize>(i * n * columns) << 2);
  let rows: usize = 0;
  for (let level = depth; level >= 0; level--)
    for (let j = 0; j < n; j++) {
      if (load<u8>(choice + <usize>j) != <u8>level) continue;
      const start = j * columns + levelColumn(depth, level);
      for (let column = start; column < start + (1 << level); column++) {
        const mass = load<f32>(at(job, V.NODE_MASS) + (<usize>(first + column) << 2));
        if (mass == -Infinity) continue;
        store<i32>(listed + rows, column);
        store<f32>(biases + rows, bias(job, load<f32>(variance + (<usize>column << 2)), mass));
        rows += 4;
      }
    }
  store<i32>(at(job, V.LIST_COUNTS) + (<usize>i << 2), <i32>(rows >> 2));
}

/** b = m + min(h, h_max) of one node for one query block (beyond.md section 5). */
function bias(job: usize, tau: f32, mass: f32): f32 {
  const m = max(mass, float(job, L.M_MIN));
  const shift: f32 = tau <= 2 * m ? tau / 2 : sqrt<f32>(2 * m * tau) - m;
  return mass + min(shift, float(job, L.H_MAX));
}
