import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { MAP_THREADS } from "../wgsl/map.js";

/** Words as they are, from one buffer to another. */
export const copyWordsKernel = (): Kernel =>
  assemble({
    name: "copy",
    slots: [read("words", "u32"), write("copy", "u32")],
    params: u32("count", "wide"),
    workgroup: [MAP_THREADS],
    body: `
  let i = wid.y * p.wide + wid.x * ${MAP_THREADS}u + lid;
  if (i < p.count) { store_copy(i, load_words(i)); }`,
  });
