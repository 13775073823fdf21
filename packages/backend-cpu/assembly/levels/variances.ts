import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { at, float, int } from "../job";
import { dotsPair } from "./products";

/** tau of the block's nodes for every query block of the cluster (docs/tail.md#bias). */
export function variances(job: usize, c: i32, place: i32, columns: i32, spread: usize, work: usize, row: usize): void {
  const starts = at(job, V.MEMBER_START) + (<usize>c << 2);
  const members = at(job, V.MEMBERS);
  const all = int(job, L.VISUAL_BLOCKS) * columns;
  const factor = f32x4.splat(float(job, L.SCALE) * float(job, L.SCALE));
  const end = load<i32>(starts, 4);
  for (let m = load<i32>(starts); m < end; m += 2) {
    // In pairs; the last one may stand alone.
    const i = load<i32>(members + (<usize>m << 2));
    const other = load<i32>(members + (<usize>min(m + 1, end - 1) << 2));
    scaled(at(job, L.QUERY_SPREAD) + <usize>i * row, factor, work, row);
    scaled(at(job, L.QUERY_SPREAD) + <usize>other * row, factor, work + row, row);
    const out = at(job, V.VARIANCE) + (<usize>(i * all + place) << 2);
    dotsPair(work, work + row, spread, columns, row, out, at(job, V.VARIANCE) + (<usize>(other * all + place) << 2));
  }
}

function scaled(from: usize, factor: v128, to: usize, row: usize): void {
  for (let x: usize = 0; x < row; x += 16) v128.store(to + x, f32x4.mul(factor, v128.load(from + x)));
}
