import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { clipVision, clipVisionConfig, relativeBucket, t5Config, t5Encoder } from "../src/index.js";
import { expectClose, goldenModel, run, tensor } from "./helpers.js";

const LIMIT = 1e-5;

describe("text encoders on the oracle", () => {
  it.for(["wan_t2v/text_encoder", "text_t5"])("%s", async (path, ctx) => {
    const { config, weights, golden } = await goldenModel(ctx, path);
    const settings = t5Config(config);
    const ids = tensor(golden, "input_ids", undefined, "i32");
    const mask = tensor(golden, "attention_mask", undefined, "u8");
    const [batch, tokens] = ids.shape;
    const seen = await run(weights, { ids, mask }, (g, input, probe) => ({
      output: t5Encoder(g, settings, { ids: input("ids"), mask: input("mask") }, { probe }),
    }));
    expectClose("output", tensor(seen, "output"), tensor(golden, "output"), LIMIT);
    // The reference shows blocks for the last batch item.
    const last = (x: HostTensor) => x.toFloat32().slice(-x.length / batch);
    expectClose("block0.out", last(tensor(seen, "block0.out")), tensor(golden, "block0.out"), LIMIT);
    const tables = tensor(golden, "relative_bias_24x24");
    const [layers, heads] = tables.shape;
    for (let layer = 0; layer < layers; layer++) {
      const bias = tensor(seen, `relative_bias.${layer}`, [heads, tokens, tokens]);
      const part = tables.toFloat32().subarray(layer * heads * 576, (layer + 1) * heads * 576);
      expectClose(`bias ${layer}`, bias, new HostTensor("f32", [heads, 24, 24], part), LIMIT);
    }

    const one = new HostTensor("i32", [1, tokens], (ids.data as Int32Array).slice(0, tokens));
    const plain = await run(weights, { ids: one }, (g, input) => ({
      output: t5Encoder(g, settings, { ids: input("ids") }),
    }));
    expectClose("without mask", tensor(plain, "output"), tensor(golden, "output_row0_without_mask"), LIMIT);
    const buckets = golden.get("bucket_of_distance_minus200_to_200")?.data ?? [];
    expect(Array.from({ length: 401 }, (_, i) => relativeBucket(i - 200))).toEqual([...buckets]);
  });
});

describe("image encoder on the oracle", () => {
  it("gives every layer of CLIP's vision model", async (ctx) => {
    const { config, weights, golden } = await goldenModel(ctx, "wan_i2v/image_encoder");
    const pixels = tensor(golden, "pixel_values");
    const settings = clipVisionConfig(config);
    const layers = settings.layers;
    const record = (count?: number) =>
      run(weights, { pixels }, (g, input, probe) => ({
        output: clipVision(g, settings, input("pixels"), { probe, ...(count && { layers: count }) }),
      }));
    const all = await record(layers);
    for (const name of ["hidden_0", "hidden_1"]) expectClose(name, tensor(all, name), tensor(golden, name), LIMIT);
    expectClose("last", tensor(all, "output"), tensor(golden, "last_hidden_state"), LIMIT);
    expectClose("penultimate", tensor(await record(), "output"), tensor(golden, "penultimate"), LIMIT);
  });
});
