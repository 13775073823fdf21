import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { MAP_THREADS } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

/** Heads back into a stream: lane by lane, each to its token. Tokens from `first` on of `all` are taken. */
export const mergeKernel = (x: Storage, y: Storage, ordered: boolean): Kernel =>
  assemble({
    name: "merge",
    slots: [read("x", x), ...(ordered ? [read("order", "i32")] : []), write("y", y)],
    params: u32("lanes", "tokens", "heads", "all", "first"),
    workgroup: [MAP_THREADS],
    body: `
  let i = wid.x * ${MAP_THREADS}u + lid;
  let lane = i % p.lanes;
  let place = i / p.lanes;
  if (place >= p.tokens) { return; }
  let head = wid.y;
  let item = wid.z;
  let token = ${ordered ? "u32(load_order(place))" : "place"};
  let at = ((item * p.heads + head) * p.all + p.first + place) * p.lanes + lane;
  store_y(((item * p.tokens + token) * p.heads + head) * p.lanes + lane, load_x(at));`,
  });
