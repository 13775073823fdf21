import { HostTensor } from "@spaattn/core";
import { Components } from "../generate/components.js";
import { prepareImages } from "../generate/inputs.js";
import type { GenerateOptions, StepInfo } from "../generate/options.js";
import { WanPipeline } from "../generate/pipeline.js";
import { ProgressMeter } from "../generate/progress.js";
import { compare, exactly, type GoldenCheck, HALF, relativeError, tensor } from "./check.js";
import { type GoldenFile, limitFor, type VerifyContext } from "./context.js";

/** Of latents after a step, and of pixels that are bytes. */
const LATENTS = 3e-4;
const PIXELS = 0.5 / 255 + HALF;

/** One generation of a golden file. */
interface Run {
  readonly options: Omit<GenerateOptions, "guidance" | "steps" | "fps" | "noise">;
  /** The latents after every step. */
  readonly after: string;
  /** Frames, and how many lie between two of them; absent: nothing is decoded. */
  readonly frames?: { readonly name: string; readonly each: number };
  /** The last latents, where the file has them apart; then `after` holds them before the first frame is put back. */
  readonly final?: string;
}

/** A whole pipeline: every step, every output, the frames. */
export async function* verifyPipeline(context: VerifyContext, file: GoldenFile): AsyncGenerator<GoldenCheck> {
  const { device, dtype } = context;
  const model = await WanPipeline.open(context.folder, { device, dtype });
  try {
    for (const run of runsOf(file)) yield* follow(context, model, file, run);
  } finally {
    await model.close();
  }
}

function runsOf(file: GoldenFile): Run[] {
  const { tensors, metadata } = file;
  const given = tensors.get("initial_latents") as HostTensor;
  const number = (name: string, fallback: number) => Number(metadata[name] ?? fallback);
  const [, , t, h, w] = given.shape;
  const size = {
    width: number("width", 8 * w),
    height: number("height", 8 * h),
    frames: number("num_frames", 4 * (t - 1) + 1),
  };
  const text = (name: string) => {
    const rows = tensors.get(`${name}_rows`) ?? (tensors.get(name) as HostTensor);
    return { rows: rows.shape[1], values: rows.toFloat32() };
  };
  const features = (name: string) => metadata[name.replace("_embeds", "")] ?? text(name);
  const textRows = tensors.has("prompt_embeds_rows") ? 512 : number("max_sequence_length", text("prompt_embeds").rows);
  const base = {
    ...size,
    textRows,
    prompt: features("prompt_embeds"),
    negativePrompt: features("negative_prompt_embeds"),
  };
  const image = tensors.has("image") ? { image: imageOf(file, size) } : {};
  if (tensors.has("t2v_latents_after_step"))
    return [
      { options: base, after: "t2v_latents_after_step", frames: { name: "t2v_frames", each: 4 } },
      { options: { ...base, ...image }, after: "i2v_latents_after_step", final: "i2v_final_latents" },
    ];
  const frames = tensors.has("frames") ? { frames: { name: "frames", each: 2 } } : {};
  return [{ options: { ...base, ...image }, after: "latents_after_step", ...frames }];
}

function imageOf({ tensors }: GoldenFile, { width, height }: { width: number; height: number }, name = "image") {
  const planes = tensor(tensors, name)
    .toFloat32()
    .map((value) => 2 * value - 1);
  const clipPixels = tensors.get("pixel_values")?.toFloat32();
  return { width, height, planes, ...(clipPixels && { clipPixels }) };
}

async function* follow(
  context: VerifyContext,
  model: WanPipeline,
  file: GoldenFile,
  run: Run,
): AsyncGenerator<GoldenCheck> {
  const { tensors, metadata } = file;
  const limit = limitFor(context, LATENTS);
  const after = tensor(tensors, run.after).toFloat32();
  const timesteps = tensor(tensors, "timesteps").toFloat32();
  const steps = timesteps.length;
  const count = after.length / steps;
  const checks: GoldenCheck[] = [];
  // Nothing to compare pixels with: the rest is not computed.
  const enough = new AbortController();
  const onStep = ({ step, timestep, latents, output, negativeOutput }: StepInfo) => {
    const part = (values: Float32Array) =>
      new HostTensor("f32", [count], values.slice((step - 1) * count, step * count));
    const check = (name: string, values: Float32Array, all: HostTensor, most: number) =>
      checks.push(compare(`${name}, step ${step}`, values, part(all.toFloat32()), most));
    checks.push(exactly(`${run.after}: time step ${step}`, timestep === timesteps[step - 1]));
    if (!(run.final && step === steps)) check(run.after, latents, tensor(tensors, run.after), limit);
    const outputs = { cond_output: output, uncond_output: negativeOutput };
    for (const [name, values] of Object.entries(outputs))
      if (values && tensors.has(name)) check(name, values, tensor(tensors, name), Math.max(limit, HALF));
    if (run.final && step === steps) checks.push(compare(run.final, latents, tensor(tensors, run.final), limit));
    if (!run.frames && step === steps) enough.abort();
  };
  const guidance = Number(metadata.guidance_scale);
  const guidance2 = metadata.guidance_scale_2 === undefined ? {} : { guidance2: Number(metadata.guidance_scale_2) };
  const noise = tensor(tensors, "initial_latents").toFloat32();
  const signal = context.signal ? AbortSignal.any([context.signal, enough.signal]) : enough.signal;
  const making = model.generate({ noise, guidance, ...guidance2, steps, fps: 16, ...run.options, onStep, signal });
  const video = await making.catch((error: unknown) => {
    if (!enough.signal.aborted) throw error;
    return undefined;
  });
  yield* checks;
  if (video && run.frames) yield compareFrames(video, tensors.get(run.frames.name) as HostTensor, run.frames, context);
}

/** Bytes `[frames, height, width, 3]` with golden frames `[1, some, 3, height, width]` from 0 to 1. */
function compareFrames(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  golden: HostTensor,
  { name, each }: { name: string; each: number },
  context: VerifyContext,
): GoldenCheck {
  const plane = width * height;
  const shown = Float32Array.from({ length: golden.length }, (_, i) => {
    const frame = Math.floor(i / (3 * plane)) * each;
    return data[(frame * plane + (i % plane)) * 3 + (Math.floor(i / plane) % 3)] / 255;
  });
  const error = relativeError(shown, golden.toFloat32());
  const limit = limitFor(context, PIXELS);
  return { name, error, limit, ok: error <= limit };
}

/** The condition channels of a first and a last frame. */
export async function* verifyCondition(
  context: VerifyContext,
  file: GoldenFile,
  pipeline: GoldenFile,
): AsyncGenerator<GoldenCheck> {
  const { device, dtype, folder } = context;
  const components = await Components.open(folder, { device, dtype });
  const expected = tensor(file.tensors, "condition");
  const [, , frames, height, width] = expected.shape;
  const size = { width: Number(file.metadata.width), height: Number(file.metadata.height) };
  const { clipPixels: _, ...image } = imageOf(pipeline, size);
  const lastImage = imageOf(file, size, "last_image");
  const options = {
    prompt: "",
    image: { ...image, clipPixels: tensor(pipeline.tensors, "pixel_values").toFloat32() },
    lastImage,
  };
  const meter = new ProgressMeter(1, undefined);
  const { channels } = await prepareImages(components, options, { frames, height, width }, meter);
  await components.close();
  yield compare("condition", channels ?? [], expected, limitFor(context, LATENTS));
}
