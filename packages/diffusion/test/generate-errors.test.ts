import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { isSpaAttnError, type SpaAttnErrorCode } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import { encodeSafetensors, memoryFolder, openSafetensors } from "@spaattn/weights";
import { describe, expect, it } from "vitest";
import { type GenerateOptions, type PipelineOptions, WanPipeline } from "../src/index.js";
import { counting } from "./counting.js";
import { golden } from "./golden.js";

type Files = Record<string, Uint8Array | string>;

/** All files below a folder. */
function load(root: string, folder = root): Files {
  return Object.assign(
    {},
    ...readdirSync(folder).map((name) => {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) return load(root, path);
      return { [relative(root, path)]: new Uint8Array(readFileSync(path)) };
    }),
  );
}

const json = (files: Files, path: string) => JSON.parse(new TextDecoder().decode(files[path] as Uint8Array));

const SMALL = { width: 32, height: 16, frames: 5, fps: 8, steps: 2, guidance: 1, textRows: 24, seed: 1 };
const SHARD = "transformer/diffusion_pytorch_model-00002-of-00002.safetensors";

async function generate(files: Files, options: Partial<GenerateOptions> = {}, how: Partial<PipelineOptions> = {}) {
  const model = await WanPipeline.open(memoryFolder(files, "tiny"), { device: await reference.create(), ...how });
  try {
    return await model.generate({ prompt: "a red fox", ...SMALL, ...options });
  } finally {
    await model.close();
  }
}

async function expectFailure(promise: Promise<unknown>, code: SpaAttnErrorCode, text: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSpaAttnError(error, code)) throw new Error(`expected ${code}, got ${String(error)}`, { cause: error });
  expect(error.message).toMatch(text);
  expect(error.remedy).not.toBe("");
}

/** One file with some tensors changed or left out. */
async function changed(file: Uint8Array, change: (name: string) => "keep" | "drop" | "nan"): Promise<Uint8Array> {
  const opened = await openSafetensors(file);
  const tensors: Record<string, Awaited<ReturnType<typeof opened.tensor>>> = {};
  for (const name of opened.names) {
    const what = change(name);
    if (what === "drop") continue;
    const tensor = await opened.tensor(name);
    tensors[name] = what === "keep" ? tensor : tensor.to(tensor.dtype);
    if (what === "nan") (tensors[name].data as Uint16Array)[3] = 0x7fc0;
  }
  return encodeSafetensors(tensors);
}

describe("bad models", () => {
  it("a missing, a misshapen and a damaged tensor are named with their file", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    const shard = files[SHARD] as Uint8Array;
    const without = await changed(shard, (name) => (name === "blocks.1.ffn.net.2.bias" ? "drop" : "keep"));
    await expectFailure(
      generate({ ...files, [SHARD]: without }),
      "MalformedFile",
      /00002.*"blocks\.1\.ffn\.net\.2\.bias" is missing/,
    );
    const config = { ...json(files, "transformer/config.json"), ffn_dim: 200 };
    const misfit = { ...files, "transformer/config.json": JSON.stringify(config) };
    await expectFailure(
      generate(misfit),
      "MalformedFile",
      /index\.json: weight "blocks\.0\.ffn\.net\.0\.proj\.weight" must have shape \[200, 128\], the file has \[192, 128\]/,
    );
    const more = { ...files, "transformer/config.json": JSON.stringify({ ...config, ffn_dim: 192, num_layers: 3 }) };
    await expectFailure(generate(more), "MalformedFile", /"blocks\.2\.[^"]*" of shape \[.*\] is missing/);
    const nan = await changed(shard, (name) => (name === "blocks.1.attn2.to_v.weight" ? "nan" : "keep"));
    await expectFailure(
      generate({ ...files, [SHARD]: nan }),
      "MalformedFile",
      /00002.*"blocks\.1\.attn2\.to_v\.weight" holds NaN/,
    );
    await expectFailure(
      generate({ ...files, [SHARD]: shard.subarray(0, 99_999) }),
      "MalformedFile",
      /00002.*truncated/,
    );
    const { [SHARD]: _, ...absent } = files;
    await expectFailure(generate(absent), "FileAccess", /00002.*is missing/);
  });

  it("wrong configurations are named by key", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    const wrong = (path: string, change: object) =>
      generate({ ...files, [path]: JSON.stringify({ ...json(files, path), ...change }) });
    await expectFailure(
      wrong("transformer/config.json", { num_layers: "two" }),
      "MalformedFile",
      /transformer\/config\.json: num_layers must be a positive integer, got "two"/,
    );
    await expectFailure(
      wrong("transformer/config.json", { qk_norm: "layer_norm" }),
      "Unsupported",
      /qk_norm "layer_norm"/,
    );
    await expectFailure(
      wrong("vae/config.json", { latents_std: [1] }),
      "MalformedFile",
      /latents_std must be 16 numbers/,
    );
    await expectFailure(
      wrong("text_encoder/config.json", { feed_forward_proj: "relu" }),
      "Unsupported",
      /feed_forward_proj/,
    );
    await expectFailure(wrong("scheduler/scheduler_config.json", { solver_type: "bh1" }), "Unsupported", /solver_type/);
    await expectFailure(
      wrong("model_index.json", { _class_name: "FluxPipeline" }),
      "Unsupported",
      /FluxPipeline cannot be run/,
    );
  });
});

describe("bad requests", () => {
  it("name the option and what would do", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    const wrong = async (options: object, error: RegExp) => expect(generate(files, options)).rejects.toThrow(error);
    await wrong({ width: 33 }, /width must be a multiple of 16, got 33 \(nearest: 32, 48\)/);
    await wrong({ frames: 6 }, /frames must be 1 plus a multiple of 4, got 6 \(nearest: 5, 9\)/);
    await wrong({ steps: 0 }, /options\.steps must be a positive integer, got 0/);
    await wrong({ guidance: -1 }, /options\.guidance must be a positive number/);
    await wrong({ seed: 1.5 }, /options\.seed/);
    await wrong({ sampler: "euler" }, /options\.sampler is not known/);
    await wrong({ fps: undefined }, /options\.fps is missing/);
    await wrong({ prompt: 7 }, /options\.prompt must be a string or features/);
    await wrong({ noise: new Float32Array(3), seed: undefined }, /options\.noise must be \d+ numbers, got 3/);
    await wrong({ noise: new Float32Array(3) }, /exclude each other/);
    const image = { width: 32, height: 16, data: new Uint8Array(32 * 16 * 3) };
    await wrong({ image }, /makes videos from text alone/);
    await wrong({ lastImage: image }, /lastImage needs options\.image/);
  });

  it("an empty prompt and one of ten thousand words are prompts", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    for (const prompt of ["", "fox ".repeat(10_000)])
      expect((await generate(files, { prompt, steps: 1 })).data).toHaveLength(5 * 16 * 32 * 3);
  });
});

describe("a generation", () => {
  it("gives the same bytes for the same seed, and others for another", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    const [one, two] = [await generate(files), await generate(files)];
    expect(one.data).toEqual(two.data);
    expect((await generate(files, { seed: 2 })).data).not.toEqual(one.data);
  });

  it("is cancelled in every stage", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    for (const stage of ["text", "denoise", "decode"]) {
      const controller = new AbortController();
      const onProgress = (progress: { stage: string }) => progress.stage === stage && controller.abort();
      await expectFailure(generate(files, { signal: controller.signal, onProgress }), "Aborted", /cancelled/);
    }
    await expectFailure(generate(files, { signal: AbortSignal.abort() }), "Aborted", /cancelled/);
  });

  it("gives the same with a ring of blocks, and never holds more weights than allowed", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    const whole = await generate(files);
    const { device, peak } = await counting();
    const memoryLimit = 1_900_000;
    const ring = await generate(files, {}, { device, memoryLimit });
    expect(ring.data).toEqual(whole.data);
    expect(peak()).toBeLessThan(memoryLimit);
    const all = await counting();
    await generate(files, {}, { device: all.device });
    expect(all.peak()).toBeGreaterThan(peak());
    await expectFailure(generate(files, {}, { memoryLimit: 300_000 }), "OutOfMemory", /MB do not hold|300000|memory/i);
  });

  it("shows a preview after every step", async (ctx) => {
    const files = load(golden(ctx, "wan_t2v"));
    const shown: number[] = [];
    await generate(files, {
      onStep: async ({ step, preview }) => {
        const { width, height, data } = await preview();
        expect([width, height, data.length]).toEqual([4, 2, 24]);
        shown.push(step);
        await expect(preview(2)).rejects.toThrow(/frame must be from 0 to 1, got 2/);
      },
    });
    expect(shown).toEqual([1, 2]);
  });
});
