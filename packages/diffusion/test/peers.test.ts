import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpu } from "@spaattn/backend-cpu";
import { wanConfig } from "@spaattn/networks";
import { openWeights, readJson } from "@spaattn/weights";
import { directoryFolder } from "@spaattn/weights/node";
import { expect, it } from "vitest";
import { createTransformer, setTimestep } from "../src/generate/transformer.js";
import { WeightStore } from "../src/generate/weight-store.js";
import { relativeError, tensor } from "../src/verify/check.js";
import { readGolden } from "./golden.js";

const DATA = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));

it("the transformer of a trained model gives what PyTorch gives, on the CPU device", async (ctx) => {
  const path = join(DATA, "peers/tiny-wan-transformer.io.safetensors");
  if (!existsSync(path)) {
    console.warn(`SKIPPED: ${path} is not here`);
    return ctx.skip("the data are missing");
  }
  const folder = directoryFolder(join(DATA, "tiny-wan/transformer"));
  const config = wanConfig((await readJson(folder, "config.json")) ?? {});
  const { tensors } = await readGolden(path);
  const device = await cpu.create();
  const store = await WeightStore.open(await openWeights(folder), device);
  const latents = tensor(tensors, "latents");
  const [, , frames, height, width] = latents.shape;
  const text = tensor(tensors, "text");
  const shape = { size: { frames, height, width }, textRows: text.shape[1], imageRows: 0, firstGiven: false };
  const network = await createTransformer({ device, store, config, dtype: "f32" }, shape);
  await network.set("latents", latents.shape, latents.toFloat32());
  await network.set("text", text.shape, text.toFloat32());
  await setTimestep(network, tensor(tensors, "timestep").toFloat32()[0], false);
  await network.run();
  expect(relativeError(await network.read("velocity"), tensor(tensors, "velocity").toFloat32())).toBeLessThan(1e-5);
  await store.dispose();
  device.dispose();
}, 300_000);
