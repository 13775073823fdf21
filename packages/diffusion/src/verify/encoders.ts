import { HostTensor } from "@spaattn/core";
import { clipVision, clipVisionConfig, relativeBucket, t5Config, t5Encoder } from "@spaattn/networks";
import { compare, exactly, type GoldenCheck, tensor } from "./check.js";
import { type GoldenFile, limitFor, readConfig, show, type VerifyContext, withStore } from "./context.js";

/** T5 and UMT5: features with and without a mask, a block, the position tables and buckets. */
export async function* verifyT5(context: VerifyContext, { tensors: golden }: GoldenFile): AsyncGenerator<GoldenCheck> {
  const config = t5Config(await readConfig(context.folder));
  const limit = limitFor(context, 1e-5);
  const ids = tensor(golden, "input_ids", undefined, "i32");
  const mask = tensor(golden, "attention_mask", undefined, "u8");
  const [batch, tokens] = ids.shape;
  const one = new HostTensor("i32", [1, tokens], (ids.data as Int32Array).slice(0, tokens));
  const [shown, plain] = await withStore(context, async (store) => [
    await show(context, store, { ids, mask }, (g, input, probe) => ({
      output: t5Encoder(g, config, { ids: input("ids"), mask: input("mask") }, { probe }),
    })),
    await show(context, store, { ids: one }, (g, input) => ({ output: t5Encoder(g, config, { ids: input("ids") }) })),
  ]);
  yield compare("output", tensor(shown, "output"), tensor(golden, "output"), limit);
  yield compare("output_row0_without_mask", tensor(plain, "output"), tensor(golden, "output_row0_without_mask"), limit);
  // The reference shows a block for the last batch item.
  const last = tensor(shown, "block0.out").toFloat32();
  yield compare("block0.out", last.slice(-last.length / batch), tensor(golden, "block0.out"), limit);
  const tables = tensor(golden, "relative_bias_24x24");
  const [layers, heads, side] = tables.shape;
  const size = heads * side * side;
  for (let layer = 0; layer < layers; layer++) {
    const bias = tensor(shown, `relative_bias.${layer}`, [heads, tokens, tokens]);
    const part = tables.toFloat32().subarray(layer * size, (layer + 1) * size);
    yield compare(`relative_bias.${layer}`, bias, new HostTensor("f32", [heads, side, side], part), limit);
  }
  const buckets = [...(golden.get("bucket_of_distance_minus200_to_200")?.data ?? [])];
  yield exactly("buckets", buckets.every((bucket, i) => bucket === relativeBucket(i - 200)) && buckets.length === 401);
}

/** CLIP's vision model: the hidden states of its layers. */
export async function* verifyClip(
  context: VerifyContext,
  { tensors: golden }: GoldenFile,
): AsyncGenerator<GoldenCheck> {
  const config = clipVisionConfig(await readConfig(context.folder));
  const limit = limitFor(context, 1e-5);
  const { layers } = config;
  const shown = await withStore(context, (store) =>
    show(context, store, { pixels: tensor(golden, "pixel_values") }, (g, input, probe) => ({
      last_hidden_state: clipVision(g, config, input("pixels"), { probe, layers }),
    })),
  );
  for (const [name, expected] of golden) {
    if (name === "pixel_values") continue;
    const source = name === "penultimate" ? `hidden_${layers - 1}` : name;
    yield compare(name, tensor(shown, source), expected, limit);
  }
}
