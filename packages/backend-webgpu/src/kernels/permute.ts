import { assemble, type Kernel, read, u32, write } from "../kernel.js";

/** One invocation per eight bytes of a row. */
export const permuteKernel = (threads: number): Kernel =>
  assemble({
    name: "permute",
    slots: [read("source", "vec2u"), read("order", "i32"), write("tokens", "vec2u")],
    params: u32("count", "words", "wide"),
    workgroup: [threads],
    body: `
  let i = wid.y * p.wide + wid.x * ${threads}u + lid;
  let token = i / p.words;
  if (token >= p.count) { return; }
  let head = wid.z * p.count;
  let place = (head + u32(load_order(token))) * p.words + i % p.words;
  store_tokens(head * p.words + i, load_source(place));`,
  });
