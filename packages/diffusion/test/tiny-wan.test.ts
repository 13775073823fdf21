import { fileURLToPath } from "node:url";
import { cpu } from "@spaattn/backend-cpu";
import type { Device } from "@spaattn/core";
import { t5Config, wanConfig, wanVaeConfig } from "@spaattn/networks";
import { folder } from "@spaattn/tiny-wan";
import { type ModelFolder, openFolder } from "@spaattn/weights";
import { directoryFolder } from "@spaattn/weights/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { channelsLast } from "../src/generate/planes.js";
import { ProgressMeter } from "../src/generate/progress.js";
import { encodeText, padFeatures } from "../src/generate/text.js";
import { createTransformer, setTimestep } from "../src/generate/transformer.js";
import { VaeDecoder } from "../src/generate/vae-decoder.js";
import { VaeEncoder } from "../src/generate/vae-encoder.js";
import { WeightStore } from "../src/generate/weight-store.js";
import { encodePadded, loadTokenizer, normalizeLatents, WanPipeline } from "../src/index.js";
import { relativeError, tensor } from "../src/verify/check.js";
import { type GoldenTensors, readGolden } from "./golden.js";

// What PyTorch gives in single floats for every part of the trained model; written by tooling/tiny-wan/golden.py. Its VAE
// folds pixels without being residual, and its decoder is wider than its encoder: no published model is so.
const FILE = fileURLToPath(new URL("../../tiny-wan/test/golden.safetensors", import.meta.url));
const PROMPTS = [
  "a red ball bouncing on a gray checkered floor at noon",
  "At sunset, a striped violet box spins on a brown ground. camera zooms in.",
];
const SIZE = { frames: 3, height: 8, width: 12 };
const ROWS = 64;

/** Both sides compute in single floats; sums go in another order. */
const LIMIT = 1e-5;
/** Four steps, each of which goes on from what the one before had rounded. */
const SAMPLE_LIMIT = 1e-4;

const source = directoryFolder(fileURLToPath(folder));
const meter = new ProgressMeter(1, undefined);
let device: Device;
let model: ModelFolder;
let golden: GoldenTensors["tensors"];

beforeAll(async () => {
  device = await cpu.create();
  model = await openFolder(source);
  golden = (await readGolden(FILE)).tensors;
});
afterAll(() => device.dispose());

const expected = (name: string) => tensor(golden, name).toFloat32();

/** The `index`th of two batch items. */
const item = (name: string, index: number): Float32Array => {
  const all = expected(name);
  return all.slice((index * all.length) / 2, ((index + 1) * all.length) / 2);
};

/** One component for as long as a test takes. */
async function using<T>(component: string, use: (store: WeightStore) => Promise<T>): Promise<T> {
  const store = await WeightStore.open(await model.weights(component), device);
  try {
    return await use(store);
  } finally {
    await store.dispose();
  }
}

it("the tokenizer gives the same numbers", async () => {
  const tokenizer = await loadTokenizer(source, "tokenizer");
  for (const [i, prompt] of PROMPTS.entries())
    expect([...encodePadded(tokenizer, prompt, ROWS).ids]).toEqual([...item("ids", i)]);
});

it("the text encoder agrees", () =>
  using("text_encoder", async (store) => {
    const config = t5Config(await model.config("text_encoder"));
    const context = {
      device,
      store,
      config,
      dtype: "f32",
      tokenizer: await loadTokenizer(source, "tokenizer"),
    } as const;
    for (const [i, prompt] of PROMPTS.entries()) {
      const rows = padFeatures(await encodeText(context, prompt, ROWS, meter), ROWS, 128);
      expect(relativeError(rows, item("rows", i))).toBeLessThan(LIMIT);
    }
  }));

it("the transformer agrees", () =>
  using("transformer", async (store) => {
    const config = wanConfig(await model.config("transformer"));
    const shape = { size: SIZE, textRows: ROWS, imageRows: 0, firstGiven: false };
    const network = await createTransformer({ device, store, config, dtype: "f32" }, shape);
    for (const i of PROMPTS.keys()) {
      await network.set("latents", [1, 8, SIZE.frames, SIZE.height, SIZE.width], item("latents", i));
      await network.set("text", [1, ROWS, 128], item("rows", i));
      await setTimestep(network, expected("timesteps")[i], false);
      await network.run();
      expect(relativeError(await network.read("velocity"), item("velocity", i))).toBeLessThan(LIMIT);
    }
    network.dispose();
  }));

it("the VAE encodes and decodes alike", () =>
  using("vae", async (store) => {
    const config = wanVaeConfig(await model.config("vae"));
    const context = { device, store, config, dtype: "f32" } as const;
    const latents = normalizeLatents(expected("mean"), config);
    const encoder = new VaeEncoder(context, SIZE);
    const encoded = await encoder.encode(expected("video"), meter, "image");
    encoder.dispose();
    expect(relativeError(encoded, latents)).toBeLessThan(LIMIT);
    const decoder = new VaeDecoder(context, SIZE);
    const frames: number[] = [];
    for await (const part of decoder.decode(latents, meter)) frames.push(...part);
    decoder.dispose();
    const clamped = channelsLast(expected("decoded"), 3).map((value) => Math.min(1, Math.max(-1, value)));
    expect(relativeError(frames, clamped)).toBeLessThan(LIMIT);
  }));

it("four steps of the whole pipeline agree", async () => {
  const pipeline = await WanPipeline.open(source, { device });
  const { latents } = await pipeline.generate({
    ...{ prompt: PROMPTS[0], noise: expected("noise"), steps: 4, guidance: 1, frames: 5, height: 32, width: 48 },
  });
  await pipeline.close();
  expect(relativeError(latents, expected("sample"))).toBeLessThan(SAMPLE_LIMIT);
});
