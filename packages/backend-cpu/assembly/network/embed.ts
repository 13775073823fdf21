import { elementBytes, widenAll } from "./numbers";

@unmanaged
class EmbedJob {
  ids: usize;
  table: usize;
  tableType: i32;
  rows: i32;
  width: i32;
  count: i32;
  chunk: i32;
  y: usize;
}

/** Unit: some ids. An id that is out of range reads the nearest row: it is the caller's fault, and stays inside. */
export function embed(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<EmbedJob>(job);
  const end = min(j.count, (unit + 1) * j.chunk);
  const size = elementBytes(j.tableType);
  for (let i = unit * j.chunk; i < end; i++) {
    const id = max(0, min(j.rows - 1, load<i32>(j.ids + (<usize>i << 2))));
    const from = j.table + <usize>id * <usize>(j.width * size);
    const to = j.y + (<usize>i * <usize>j.width << 2);
    for (let x = 0; x < j.width; x += 1024) {
      const count = min(1024, j.width - x);
      widenAll(from + <usize>(x * size), j.tableType, scratch, count);
      memory.copy(to + (<usize>x << 2), scratch, <usize>count << 2);
    }
  }
}

@unmanaged
class TimestepJob {
  t: usize;
  /** f32 per frequency. */
  frequencies: usize;
  half: i32;
  count: i32;
  y: usize;
}

/** Unit: one time step. */
export function timestep(job: usize, unit: i32): void {
  const j = changetype<TimestepJob>(job);
  const t = load<f32>(j.t + (<usize>unit << 2));
  const y = j.y + (<usize>(unit * j.half) << 3);
  for (let i = 0; i < j.half; i++) {
    const angle = <f64>(t * load<f32>(j.frequencies + (<usize>i << 2)));
    store<f32>(y + (<usize>i << 2), <f32>Math.cos(angle));
    store<f32>(y + (<usize>(i + j.half) << 2), <f32>Math.sin(angle));
  }
}
