import { HostTensor } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import { encodeSafetensors, memoryFolder, openWeights } from "@spaattn/weights";
import { expect, it } from "vitest";
import { Network } from "../src/generate/network.js";
import { fitPreview, previewFrame } from "../src/generate/preview.js";
import { WeightStore } from "../src/generate/weight-store.js";
import { TorchRandom } from "../src/index.js";
import { counting } from "./counting.js";

const LAYERS = 6;
const WIDTH = 64;
const LAYER_BYTES = 4 * WIDTH * WIDTH;

/** Some linear layers, each a segment of its own, and one weight that none of them has. */
function stack(g: Builder): void {
  let x = g.input("x", "f32", [1, 2, WIDTH]);
  for (let i = 0; i < LAYERS; i++)
    x = g.segment(`block ${i}`, () => g.linear(x, g.linearWeights(`layer.${i}`, WIDTH, WIDTH, { bias: false })));
  g.output("y", g.multiply(x, g.weight("last", [WIDTH])));
}

async function run(memoryLimit: number | undefined) {
  const random = new TorchRandom(3);
  const tensor = (shape: number[]) => new HostTensor("f32", shape, random.normal(shape.reduce((a, b) => a * b, 1)));
  const tensors = Object.fromEntries(
    Array.from({ length: LAYERS }, (_, i) => [`layer.${i}.weight`, tensor([WIDTH, WIDTH])]),
  );
  const file = await encodeSafetensors({ ...tensors, last: tensor([WIDTH]) });
  const { device, peak } = await counting();
  const store = await WeightStore.open(await openWeights(memoryFolder({ "model.safetensors": file })), device);
  const network = await Network.create(device, store, stack, memoryLimit === undefined ? {} : { memoryLimit });
  await network.set("x", [1, 2, WIDTH], random.normal(2 * WIDTH));
  const results: Float32Array[] = [];
  for (let i = 0; i < 2; i++) {
    await network.run();
    results.push(await network.read("y"));
  }
  expect(results[0]).toEqual(results[1]);
  return { y: results[0], peak: peak(), kind: network.residency.kind };
}

it("keeps all weights where they fit, else a ring of blocks, with the same result", async () => {
  const all = await run(undefined);
  expect(all.kind).toBe("all");
  expect(all.peak).toBeGreaterThan(LAYERS * LAYER_BYTES);
  for (const held of [2.2, 3, 4.5]) {
    const ring = await run(held * LAYER_BYTES);
    expect(ring.kind).toBe("ring");
    expect(ring.y).toEqual(all.y);
    // Inputs and outputs are not part of the ring.
    expect(ring.peak).toBeLessThan(held * LAYER_BYTES + 2000);
  }
  await expect(run(1.9 * LAYER_BYTES)).rejects.toThrow(/do not hold two neighbouring blocks/);
});

it("fits colours that depend on latents linearly, and paints with them", () => {
  const [channels, cells] = [3, 200];
  const latents = new TorchRandom(5).normal(channels * cells);
  const true_ = [[0.5, -0.2, 0.1, 0.05], [0, 0.3, 0, -0.1], [0.1, 0.1, 0.1, 0]]; // biome-ignore format: a matrix
  const colours = Float32Array.from({ length: 3 * cells }, (_, i) => {
    const [colour, cell] = [Math.floor(i / cells), i % cells];
    return true_[colour].reduce((sum, factor, j) => sum + factor * (j < channels ? latents[j * cells + cell] : 1), 0);
  });
  const map = fitPreview(latents, colours, channels);
  for (const [i, row] of map.entries())
    for (const [j, factor] of row.entries()) expect(factor).toBeCloseTo(true_[i][j], 2);
  const size = { frames: 2, height: 1, width: 2 };
  const picture = previewFrame([[1, 0], [0, 1], [-1, 0]], Float32Array.of(9, 9, 1, -1), size, 1); // biome-ignore format: a matrix
  expect([...picture.data]).toEqual([255, 255, 0, 0, 255, 255]);
});
