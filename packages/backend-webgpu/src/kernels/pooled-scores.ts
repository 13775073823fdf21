import type { Geometry } from "@spaattn/attention";
import { assemble, type Kernel, read, u32, write } from "../kernel.js";
import { eachProduct, PRODUCT_THREADS, type Products, productBody, productMemory, productTile } from "./products.js";

/** Unscaled pooled logits and, for the gain test, their error (docs/method.md#implicit-attention and docs/method.md#gain). */
export function pooledScoresKernel(geometry: Geometry, gain: boolean): Kernel {
  const lanes = geometry.headDim / 4;
  const { each, tile } = productTile(geometry.visualBlocks);
  const row = (name: string, index: string) => `load_${name}((wid.z * p.blocks + ${index}) * ${lanes}u + c)`;
  const products: Products = {
    lanes,
    each,
    left: [row("query_mean", "i"), ...(gain ? [row("query_deviation", "i")] : [])],
    right: [row("key_mean", "u"), ...(gain ? [row("key_deviation", "u")] : [])],
    pairs: [
      [0, 0],
      ...(gain
        ? ([
            [1, 0],
            [0, 1],
          ] as const)
        : []),
    ],
  };
  return assemble({
    name: gain ? "estimate.scoresAndGain" : "estimate.scores",
    slots: [
      read("query_mean", "f32x4"),
      read("key_mean", "f32x4"),
      ...(gain ? [read("query_deviation", "f32x4"), read("key_deviation", "f32x4")] : []),
      write("scores", "f32"),
      ...(gain ? [write("doubt", "f32")] : []),
    ],
    params: u32("blocks"),
    workgroup: [PRODUCT_THREADS],
    module: productMemory(products),
    body: `
  let row0 = wid.y * ${tile}u;
  let column0 = wid.x * ${tile}u;
  let last_row = p.blocks - 1u;
  let last_column = last_row;
  ${productBody(products)}
  ${eachProduct(
    products,
    "i < p.blocks && u < p.blocks",
    ([score, byQuery, byKey]) => `let at = (wid.z * p.blocks + i) * p.blocks + u;
      store_scores(at, ${score});
      ${gain ? `store_doubt(at, abs(${byQuery}) + abs(${byKey}));` : ""}`,
  )}`,
  });
}

/** The gain map for people who want to look: one invocation packs four flags. */
export function gainMapKernel(): Kernel {
  return assemble({
    name: "estimate.gainMap",
    slots: [read("scores", "f32"), read("doubt", "f32"), write("gain", "u32")],
    params: u32("count", "wide"),
    workgroup: [64],
    body: `
  let word = wid.y * p.wide + wid.x * 64u + lid;
  if (word * 4u >= p.count) { return; }
  var flags = 0u;
  for (var b = 0u; b < 4u; b++) {
    let at = word * 4u + b;
    if (at < p.count && abs(load_scores(at)) > load_doubt(at)) { flags |= 1u << (8u * b); }
  }
  store_gain(word, flags);`,
  });
}
