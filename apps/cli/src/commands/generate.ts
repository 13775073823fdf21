import { type Command, Option } from "commander";
import {
  backendOption,
  byteSize,
  jsonOption,
  nonNegativeInteger,
  nonNegativeNumber,
  positiveInteger,
  positiveNumber,
  share,
  threadsOption,
} from "../options.js";
import type { CommandContext } from "../run-cli.js";

export interface GenerateFlags {
  readonly model: string;
  readonly image?: string;
  readonly lastImage?: string;
  readonly negative?: string;
  readonly frames?: number;
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly seed?: number;
  readonly sparse: "tail" | "paper" | "none" | "off";
  readonly dropRate?: number;
  readonly backend: string;
  readonly threads?: number;
  readonly memory?: number;
  readonly out: string;
  readonly preview?: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  spaattn generate "a red ball bouncing on a gray checkered floor" --out ball.gif
  spaattn generate "a striped blue cube spinning at sunset" --steps 8 --guidance 1 --sparse off --out cube.mp4
  spaattn generate "a cat" --model Wan2.1-T2V-1.3B-Diffusers --backend cuda --memory 12GB --out frames/`;

export function registerGenerate(program: Command, context: CommandContext): void {
  program
    .command("generate")
    .description("Make a video from a sentence, with sparse attention.")
    .argument("<prompt>", "what the video shows")
    .option("-m, --model <model>", "tiny-wan, or the folder of a Wan model as diffusers saves it", "tiny-wan")
    .option("-o, --out <file>", ".gif, .webp, .mp4, .webm, or a folder (name/) for PNG frames", "out.gif")
    .option("-f, --force", "replace what is there already")
    .option("--negative <text>", "what the video does not show (with guidance)")
    .option("--image <file>", "the picture the video begins with, for models that take one")
    .option("--last-image <file>", "the picture it ends with, for models that take one")
    .option(
      "--seed <n>",
      "the same seed gives the same video (default: a random one, which is told)",
      nonNegativeInteger,
    )
    .option("--preview <folder>", "a small picture of every step, while the video is being made")
    .addOption(jsonOption)
    .optionsGroup("What is not given comes from the model:")
    .option("--frames <n>", "frames of the video", positiveInteger)
    .option("--width <n>", "pixels", positiveInteger)
    .option("--height <n>", "pixels", positiveInteger)
    .option("--fps <n>", "frames per second", positiveNumber)
    .option("--steps <n>", "denoising steps", positiveInteger)
    .option("--guidance <s>", "how much the prompt counts; 1 for no guidance, at half the cost", nonNegativeNumber)
    .optionsGroup("How it is computed:")
    .addOption(
      new Option("--sparse <mode>", "what happens to skipped blocks; off skips none")
        .choices(["tail", "paper", "none", "off"])
        .default("tail"),
    )
    .option("-d, --drop-rate <rate>", "share of blocks to skip (default: the model's)", share)
    .addOption(backendOption)
    .addOption(threadsOption)
    .option(
      "--memory <size>",
      "what the device may use for weights and activations, such as 12GB (default: all)",
      byteSize,
    )
    .addHelpText("after", EXAMPLES)
    .action(async (prompt: string, flags: GenerateFlags) => {
      const { runGenerate } = await import("../generate/run-generate.js");
      await runGenerate(prompt, flags, context);
    });
}
