import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { finishFrames, wanDecoder, wanEncoder, wanVaeConfig } from "../src/index.js";
import { expectClose, type GoldenModel, goldenModel, permute, run, tensor } from "./helpers.js";

// The reference up-samples in single precision.
const LIMIT = 1e-5;

/** Some frames of `[1, channels, frames, height, width]`. */
function frames(video: HostTensor, from: number, count: number): HostTensor {
  const [, channels, all, height, width] = video.shape;
  const plane = height * width;
  const out = new HostTensor("f32", [1, channels, count, height, width]);
  for (let channel = 0; channel < channels; channel++)
    (out.data as Float32Array).set(
      video.toFloat32().subarray((channel * all + from) * plane, (channel * all + from + count) * plane),
      channel * count * plane,
    );
  return out;
}

const channelsFirst = (x: HostTensor) => permute(x, [0, 4, 1, 2, 3]);

function compare(seen: ReadonlyMap<string, HostTensor>, { golden }: GoldenModel, part: string, pass: number): string[] {
  const names = [...golden.keys()].filter((name) => name.startsWith(`${part}.`) && name.endsWith(`.${pass}`));
  for (const name of names) {
    const shown = tensor(seen, name.split(".")[1]);
    const expected = tensor(golden, name, undefined, "f16");
    expectClose(name, channelsFirst(shown), expected, LIMIT);
  }
  return names;
}

describe("Wan's VAE on the oracle", () => {
  it.for(["wan_t2v/vae", "wan_ti2v/vae"])("%s decodes", async (path, ctx) => {
    const model = await goldenModel(ctx, path);
    const config = wanVaeConfig(model.config);
    const z = tensor(model.golden, "z");
    const expected = tensor(model.golden, "decoded");
    const states = new Map<string, HostTensor>();
    const compared: string[] = [];
    for (let pass = 0, at = 0; pass < z.shape[2]; pass++) {
      const first = pass === 0;
      const seen = await run(
        model.weights,
        { z: frames(z, pass, 1) },
        (g, input, probe) => {
          const one = { g, first, more: true, probe };
          return { frames: finishFrames(one, config, wanDecoder(one, config, input("z"))) };
        },
        states,
      );
      const decoded = tensor(seen, "frames");
      const count = first ? 1 : config.temporalFactor;
      expect(decoded.shape[1]).toBe(count);
      expectClose(`frames of pass ${pass}`, channelsFirst(decoded), frames(expected, at, count), LIMIT);
      const latent = frames(tensor(model.golden, "post_quant"), pass, 1);
      expectClose("post_quant", channelsFirst(tensor(seen, "post_quant")), latent, LIMIT);
      compared.push(...compare(seen, model, "dec", pass));
      at += count;
    }
    expect(compared).toEqual(
      expect.arrayContaining(["dec.conv_in.0", "dec.mid.2", "dec.up0.1", "dec.up2.2", "dec.out.0"]),
    );
  });

  it.for(["wan_t2v/vae", "wan_ti2v/vae"])("%s encodes", async (path, ctx) => {
    const model = await goldenModel(ctx, path);
    const config = wanVaeConfig(model.config);
    const video = tensor(model.golden, "video");
    const states = new Map<string, HostTensor>();
    const compared: string[] = [];
    for (let pass = 0, at = 0; at < video.shape[2]; pass++) {
      const first = pass === 0;
      const count = first ? 1 : config.temporalFactor;
      const part = frames(video, at, count);
      const pixels = new HostTensor("f32", [1, count, ...part.shape.slice(3), 3], permute(part, [0, 2, 3, 4, 1]));
      const seen = await run(
        model.weights,
        { pixels },
        (g, input, probe) => wanEncoder({ g, first, more: true, probe }, config, input("pixels")) as never,
        states,
      );
      for (const name of ["mean", "logvar"])
        expectClose(`${name} of pass ${pass}`, tensor(seen, name), frames(tensor(model.golden, name), pass, 1), LIMIT);
      compared.push(...compare(seen, model, "enc", pass));
      at += count;
    }
    expect(compared).toEqual(expect.arrayContaining(["enc.conv_in.0", "enc.mid.2", "enc.out.1"]));
  });
});
