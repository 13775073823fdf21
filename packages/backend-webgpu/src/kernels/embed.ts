import { type Kernel, read, u32 } from "../kernel.js";
import { type MapTarget, mapKernel, mapLanes } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

/**
 * Rows of a table by their ids; `lanes` are vectors, or numbers, of a row. A table that is too large to be bound at once comes in
 * windows (`partly`), of `rows` rows from `first` on.
 */
export const embedKernel = (table: Storage, target: MapTarget, partly: boolean): Kernel =>
  mapKernel(target, {
    name: "embed",
    slots: [read("ids", "i32"), read("table", table)],
    params: u32("lanes", "first", "rows"),
    partly,
    module: `fn value(i: u32) -> ${mapLanes(target) === 4 ? "vec4f" : "f32"} {
  return load_table((u32(load_ids(i / p.lanes)) - p.first) * p.lanes + i % p.lanes);
}
${partly ? "fn inside(i: u32) -> bool { return u32(load_ids(i / p.lanes)) - p.first < p.rows; }" : ""}`,
  });
