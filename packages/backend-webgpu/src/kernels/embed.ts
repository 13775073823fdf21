import { type Kernel, read, u32 } from "../kernel.js";
import { type MapTarget, mapKernel, mapLanes } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

/** Rows of a table by their ids. `lanes` are vectors, or numbers, of a row; the window of the table begins at row `first`. */
export const embedKernel = (table: Storage, target: MapTarget): Kernel =>
  mapKernel(target, {
    name: "embed",
    slots: [read("ids", "i32"), read("table", table)],
    params: u32("lanes"),
    module: `fn value(i: u32) -> ${mapLanes(target) === 4 ? "vec4f" : "f32"} {
  return load_table(u32(load_ids(i / p.lanes)) * p.lanes + i % p.lanes);
}`,
  });
