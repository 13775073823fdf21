import type { Backend } from "@spaattn/attention";
import { enableRelaxedSimd } from "@spaattn/backend-cpu";
import { type Device, SpaAttnError, throwIfAborted } from "@spaattn/core";
import {
  type GeneratedVideo,
  type GenerateOptions,
  type Progress as GenerationProgress,
  WanPipeline,
} from "@spaattn/diffusion";
import type { Folder } from "@spaattn/weights";
import { withBackend } from "../backend.js";
import type { GenerateFlags } from "../commands/generate.js";
import type { CommandContext } from "../run-cli.js";
import { Progress } from "../terminal/progress.js";
import { checkPictureFolder } from "./frame-folder.js";
import { modelFolder } from "./model-folder.js";
import { writePreview } from "./previews.js";
import { checkFlags, inOptions, settingsOf } from "./settings.js";
import { videoOutput } from "./video-output.js";

/** The command `generate`: a sentence in, a video out. */
export async function runGenerate(prompt: string, flags: GenerateFlags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const { out, force = false, preview } = flags;
  checkFlags(prompt, flags);
  const inputs = [flags.image, flags.lastImage].filter((path) => path !== undefined);
  const output = await videoOutput({ out, force, inputs });
  if (preview !== undefined) await checkPictureFolder(preview, "step", force);
  const folder = await modelFolder(flags.model);
  const settings = await settingsOf(prompt, flags, signal);
  const progress = new Progress(terminal);
  const begin = performance.now();
  // A program may switch the fastest kernels on for itself; a library may not.
  if (flags.backend === "cpu") enableRelaxedSimd();
  try {
    await withBackend(flags, async (backend) => {
      const video = await generate(backend, folder, flags, {
        ...settings,
        onProgress: (state) => progress.update(state.done, describe(state)),
        ...(preview === undefined ? {} : { onStep: (info) => writePreview(preview, info) }),
      });
      throwIfAborted(signal);
      progress.update(1, `writing ${out}`);
      await output.write(video, { metadata: { title: prompt, comment: recipe(video, flags) }, signal });
      progress.clear();
      if (video.droppedTokens > 0)
        terminal.warn(`the model did not see the last ${video.droppedTokens} tokens of the prompt: it is too long.`);
      report(prompt, video, { flags, backend: backend.name, seconds: (performance.now() - begin) / 1000 }, context);
    });
  } finally {
    progress.clear();
  }
}

async function generate(
  backend: Backend,
  folder: Folder,
  { memory }: GenerateFlags,
  options: GenerateOptions,
): Promise<GeneratedVideo> {
  if (!isDevice(backend))
    throw new SpaAttnError("Unsupported", `The backend ${backend.name} runs attention alone, no networks.`, {
      remedy: "Use --backend cpu, webgpu or cuda.",
    });
  const model = await WanPipeline.open(folder, {
    device: backend,
    ...(memory === undefined ? {} : { memoryLimit: memory }),
  });
  try {
    return await model.generate(options);
  } catch (error) {
    throw inOptions(error);
  } finally {
    await model.close();
  }
}

const isDevice = (backend: Backend): backend is Backend & Device => "compile" in backend && "write" in backend;

/** What is being done, and how long it will still take. */
function describe({ stage, step, steps, secondsLeft }: GenerationProgress): string {
  const what = { text: "reading the prompt", image: "reading the image", decode: "decoding the video" };
  const doing = stage === "denoise" ? `step ${step} of ${steps}` : what[stage];
  return secondsLeft === undefined ? doing : `${doing}, ${duration(secondsLeft)} left`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What it takes to make the video again, for people. */
function recipe(video: GeneratedVideo, { model, negative }: GenerateFlags): string {
  const { seed, steps, guidance, width, height, frames, sparse = "dense" } = video;
  const without = negative === undefined ? "" : `, without ${JSON.stringify(negative)}`;
  return `${model}: seed ${seed}, ${steps} steps, guidance ${guidance}, ${frames} frames of ${width} x ${height}, ${sparse}${without}`;
}

interface Made {
  readonly flags: GenerateFlags;
  readonly backend: string;
  /** From the start of the backend to the written file. */
  readonly seconds: number;
}

function report(prompt: string, video: GeneratedVideo, made: Made, { terminal }: CommandContext): void {
  const { seed, frames, width, height, fps, steps, guidance, seconds: stages, droppedTokens } = video;
  const { flags, backend, seconds } = made;
  const { negative, dropRate, sparse, model, out: file } = flags;
  if (terminal.json) {
    terminal.printJson({
      ...{ prompt, ...(negative === undefined ? {} : { negative }), model, seed },
      ...{ frames, width, height, fps, steps, guidance },
      ...{ sparse, ...(dropRate === undefined ? {} : { dropRate }), recipe: video.sparse ?? "dense", backend },
      ...{ seconds, stages, droppedTokens, file },
    });
    return;
  }
  const time = (value: number) => `${value.toFixed(1)} s`;
  terminal.print(`${file}: ${frames} frames of ${width} x ${height} in ${time(seconds)} on ${backend}, seed ${seed}`);
  terminal.print(`  ${video.sparse ?? "dense"}`);
  terminal.print(
    `  text ${time(stages.text)}, denoising ${time(stages.denoise)} (${steps} steps, guidance ${guidance}), decoding ${time(stages.decode)}`,
  );
}
