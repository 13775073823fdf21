import { HostTensor, type Tensor } from "@spaattn/core";
import { finishFrames, type WanVaeConfig, wanDecoder, wanEncoder, wanVaeConfig } from "@spaattn/networks";
import { decodeTiled, decodeWhole, type PixelSink } from "../generate/decode.js";
import { ProgressMeter } from "../generate/progress.js";
import type { WeightStore } from "../generate/weight-store.js";
import { normalizeLatents } from "../wan/latents.js";
import { compare, exactly, type GoldenCheck, permute, type Tensors, tensor } from "./check.js";
import { type GoldenFile, limitFor, readConfig, show, type VerifyContext, withStore } from "./context.js";

interface VaeTask {
  readonly context: VerifyContext;
  readonly store: WeightStore;
  readonly config: WanVaeConfig;
  readonly file: GoldenFile;
  readonly limit: number;
}

/**
 * In single precision the norm of a position whose channels nearly vanish enlarges what was rounded before (thirtyfold with
 * the three channels of small models).
 */
const limitOf = ({ device }: VerifyContext): number => (device.capabilities.accumulate === "f64" ? 1e-5 : 5e-5);

/** Wan's VAE: every pass of decoder and encoder with its intermediates, and decoding in tiles. */
export async function* verifyVae(context: VerifyContext, file: GoldenFile): AsyncGenerator<GoldenCheck> {
  const config = wanVaeConfig(await readConfig(context.folder));
  const checks = await withStore(context, async (store) => {
    const task = { context, store, config, file, limit: limitFor(context, limitOf(context)) };
    return [...(await verifyDecoder(task)), ...(await verifyEncoder(task)), ...(await verifyTiles(task))];
  });
  yield* checks;
  const mean = tensor(file.tensors, "mean").toFloat32();
  const normalized = tensor(file.tensors, "normalized_latent");
  yield compare("normalized_latent", normalizeLatents(mean, config), normalized, 1e-6);
}

async function verifyDecoder({ context, store, config, file, limit }: VaeTask): Promise<GoldenCheck[]> {
  const golden = file.tensors;
  const z = tensor(golden, "z");
  const states = new Map<string, Tensor>();
  const checks: GoldenCheck[] = [];
  for (let pass = 0, at = 0; pass < z.shape[2]; pass++) {
    const first = pass === 0;
    const record: Parameters<typeof show>[3] = (g, input, probe) => {
      const one = { g, first, more: true, probe };
      return { frames: finishFrames(one, config, wanDecoder(one, config, input("z"))) };
    };
    const shown = await show(context, store, { z: frames(z, pass, 1) }, record, states);
    const count = first ? 1 : config.temporalFactor;
    const expected = frames(tensor(golden, "decoded"), at, count);
    checks.push(compare(`decoded, pass ${pass}`, channelsFirst(tensor(shown, "frames")), expected, limit));
    const latent = frames(tensor(golden, "post_quant"), pass, 1);
    checks.push(compare(`post_quant, pass ${pass}`, channelsFirst(tensor(shown, "post_quant")), latent, limit));
    checks.push(...intermediates(golden, shown, "dec", pass, limit));
    at += count;
  }
  dispose(states);
  return checks;
}

async function verifyEncoder({ context, store, config, file, limit }: VaeTask): Promise<GoldenCheck[]> {
  const golden = file.tensors;
  const video = tensor(golden, "video");
  const states = new Map<string, Tensor>();
  const checks: GoldenCheck[] = [];
  for (let pass = 0, at = 0; at < video.shape[2]; pass++) {
    const first = pass === 0;
    const count = first ? 1 : config.temporalFactor;
    const part = frames(video, at, count);
    const pixels = new HostTensor("f32", [1, count, ...part.shape.slice(3), 3], permute(part, [0, 2, 3, 4, 1]));
    const record: Parameters<typeof show>[3] = (g, input, probe) => ({
      ...wanEncoder({ g, first, more: true, probe }, config, input("pixels")),
    });
    const shown = await show(context, store, { pixels }, record, states);
    for (const name of ["mean", "logvar"])
      checks.push(compare(`${name}, pass ${pass}`, tensor(shown, name), frames(tensor(golden, name), pass, 1), limit));
    checks.push(...intermediates(golden, shown, "enc", pass, limit));
    at += count;
  }
  dispose(states);
  return checks;
}

async function verifyTiles({ context, store, config, file, limit }: VaeTask): Promise<GoldenCheck[]> {
  const { tensors: golden, metadata } = file;
  if (!golden.has("tiled_z")) return [];
  const z = tensor(golden, "tiled_z");
  const expected = tensor(golden, "tiled_decoded", undefined, "f16");
  const [, , count, height, width] = z.shape;
  const vae = { device: context.device, store, config, dtype: context.dtype };
  const task = {
    context: vae,
    size: { frames: count, height, width },
    latents: normalizeLatents(z.toFloat32(), config),
  };
  const rule = JSON.parse(metadata.tiling);
  const tiles = { size: rule.tile_sample_min_height, stride: rule.tile_sample_stride_height };
  const [, , pixelFrames, h, w] = expected.shape;
  const decode = async (how: (sink: PixelSink) => Promise<void>) => {
    const pixels = new Float32Array(expected.length).fill(Number.NaN);
    await how(planeSink(pixels, pixelFrames, h, w));
    return pixels;
  };
  const meter = new ProgressMeter(1, undefined);
  const tiled = await decode((sink) => decodeTiled(task, tiles, meter, sink));
  const whole = await decode((sink) => decodeWhole(task, meter, sink));
  const worst = whole.reduce((most, value, i) => Math.max(most, Math.abs(value - tiled[i])), 0);
  return [
    compare("tiled_decoded", tiled, expected, limit),
    compare("untiled_minus_tiled_absmax", [worst], tensor(golden, "untiled_minus_tiled_absmax"), Math.max(limit, 1e-3)),
  ];
}

function intermediates(golden: Tensors, shown: Tensors, part: string, pass: number, limit: number): GoldenCheck[] {
  const names = [...golden.keys()].filter((name) => name.startsWith(`${part}.`) && name.endsWith(`.${pass}`));
  return names.map((name) => {
    const value = shown.get(name.split(".")[1]);
    if (!value) return exactly(name, false, "the network does not show this value");
    return compare(name, channelsFirst(value), golden.get(name) as HostTensor, limit);
  });
}

const channelsFirst = (x: HostTensor) => permute(x, [0, 4, 1, 2, 3]);

const dispose = (states: ReadonlyMap<string, Tensor>): void => {
  for (const state of states.values()) state.dispose();
};

/** Some frames of `[1, channels, frames, height, width]`. */
function frames(video: HostTensor, from: number, count: number): HostTensor {
  const [, channels, all, height, width] = video.shape;
  const plane = height * width;
  const values = video.toFloat32();
  const data = new Float32Array(channels * count * plane);
  for (let channel = 0; channel < channels; channel++) {
    const at = (channel * all + from) * plane;
    data.set(values.subarray(at, at + count * plane), channel * count * plane);
  }
  return new HostTensor("f32", [1, channels, count, height, width], data);
}

/** A sink that fills planes `[3, frames, height, width]`. */
const planeSink =
  (data: Float32Array, count: number, height: number, width: number): PixelSink =>
  (block, at) => {
    for (let i = 0; i < block.data.length; i++) {
      const cell = Math.floor(i / 3);
      const [x, row] = [cell % block.width, Math.floor(cell / block.width)];
      const frame = at.frame + Math.floor(row / block.height);
      data[(((i % 3) * count + frame) * height + at.y + (row % block.height)) * width + at.x + x] = block.data[i];
    }
  };
