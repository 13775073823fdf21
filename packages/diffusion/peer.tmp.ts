import type { HostTensor } from "@spaattn/core";
import { wanConfig } from "@spaattn/networks";
import { reference } from "@spaattn/reference";
import { openWeights, readJson } from "@spaattn/weights";
import { directoryFolder, withSafetensors } from "@spaattn/weights/node";
import { createTransformer, setTimestep } from "./src/generate/transformer.js";
import { WeightStore } from "./src/generate/weight-store.js";

const folder = directoryFolder("/work/shared/data/tiny-wan/transformer");
const config = wanConfig((await readJson(folder, "config.json"))!);
const device = await reference.create();
const store = await WeightStore.open(await openWeights(folder), device);
const io = new Map<string, HostTensor>();
await withSafetensors("/work/shared/data/peers/tiny-wan-transformer.io.safetensors", async (f) => {
  for (const n of f.names) {
    io.set(n, await f.tensor(n));
    console.log(n, io.get(n)!.dtype, io.get(n)!.shape);
  }
});
const net = await createTransformer(
  { device, store, config, dtype: "f32" },
  { size: { frames: 17, height: 24, width: 40 }, textRows: 64, imageRows: 0, firstGiven: false },
);
const t = (n: string) => io.get(n)!;
await net.set("latents", [1, 8, 17, 24, 40], t("latents").toFloat32());
await setTimestep(net, t("timestep").toFloat32()[0], false);
await net.set("text", [1, 64, 128], t("text").toFloat32());
const a = performance.now();
await net.run();
const out = await net.read("velocity");
const want = t([...io.keys()].find((k) => /vel|out/.test(k))!).toFloat32();
let d = 0,
  s = 0;
for (let i = 0; i < want.length; i++) {
  d = Math.max(d, Math.abs(out[i] - want[i]));
  s = Math.max(s, Math.abs(want[i]));
}
console.log("relative error", d / s, "seconds", (performance.now() - a) / 1000, "flop", net.flop / 1e9);
