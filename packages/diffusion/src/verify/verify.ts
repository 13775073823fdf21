import { type Device, type FloatDType, isSpaAttnError } from "@spaattn/core";
import { type Folder, readJson } from "@spaattn/weights";
import type { GoldenCheck } from "./check.js";
import { type GoldenFile, readGoldenFile, type VerifyContext } from "./context.js";
import { verifyClip, verifyT5 } from "./encoders.js";
import { verifyCondition, verifyPipeline } from "./pipelines.js";
import { verifyDTypes, verifyImageOps, verifyRandom, verifyTokenizer } from "./plain.js";
import { verifySchedulers } from "./schedulers.js";
import { verifyTransformer } from "./transformer.js";
import { verifyVae } from "./vae.js";

export type { GoldenCheck } from "./check.js";

export interface VerifyOptions {
  readonly device: Device;
  /** Dtype of activations; below f32 the limits are coarser. Default f32. */
  readonly dtype?: FloatDType;
  readonly signal?: AbortSignal;
}

type Verify = (context: VerifyContext, file: GoldenFile) => AsyncGenerator<GoldenCheck>;

/** What is known, by the beginning of the file's `kind`. */
const KINDS: readonly (readonly [kind: string, verify: Verify])[] = [
  ["WanTransformer3DModel", verifyTransformer],
  ["AutoencoderKLWan", verifyVae],
  ["UMT5EncoderModel", verifyT5],
  ["T5EncoderModel", verifyT5],
  ["CLIPVisionModel", verifyClip],
  ["scheduler trajectories", verifySchedulers],
  ["values after conversion", verifyDTypes],
  ["image resizing", verifyImageOps],
  ["WanPipeline", verifyPipeline],
  ["WanImageToVideoPipeline", verifyPipeline],
  ["Wan2.2 TI2V", verifyPipeline],
];

/** Where golden files may lie in a folder of them. */
const COMPONENTS = ["", "transformer/", "transformer_2/", "vae/", "text_encoder/", "text_encoder_2/", "image_encoder/"];
const TOKENIZERS = ["", "tokenizer/", "tokenizer_2/"];

/**
 * Compares everything in a folder of golden files (one case, `wan_t2v` say) with what is computed here.
 *
 * Kinds of files that are not known are named in a check without comparison, with a `note`; so is what fails.
 *
 * @param root the folder all cases are in: some refer to each other
 * @param path the case; empty for the root itself
 */
export async function* verifyGolden(root: Folder, path: string, options: VerifyOptions): AsyncGenerator<GoldenCheck> {
  const { device, dtype = "f32", signal } = options;
  const at = (folder: string): VerifyContext => ({
    device,
    dtype,
    folder: below(root, folder),
    ...(signal && { signal }),
  });
  const named = (folder: string, checks: AsyncGenerator<GoldenCheck>) => withNames(join(path, folder), checks);
  for (const part of COMPONENTS) {
    const context = at(join(path, part));
    const file = await readGoldenFile(context.folder, "golden.safetensors");
    if (file) yield* named(part, verifierOf(file)(context, file));
  }
  for (const part of TOKENIZERS) {
    const context = at(join(path, part));
    if (await readJson(context.folder, "golden.json")) yield* named(part, verifyTokenizer(context));
  }
  const pipeline = await readGoldenFile(below(root, path), "pipeline_golden.safetensors");
  if (pipeline) {
    const context = { ...at(path), folder: await withVae(root, path, pipeline) };
    yield* named("", verifierOf(pipeline)(context, pipeline));
    const condition = await readGoldenFile(context.folder, "flf_condition_golden.safetensors");
    if (condition) yield* named("flf_condition", verifyCondition(context, condition, pipeline));
  }
  const random = await readJson(below(root, path), "torch-randn.json");
  if (random) yield* named("torch-randn", asAsync(verifyRandom(random)));
}

function verifierOf({ metadata }: GoldenFile): Verify {
  const { kind = "" } = metadata;
  const known = KINDS.find(([beginning]) => kind.startsWith(beginning));
  return known?.[1] ?? notKnown;
}

async function* notKnown(_: VerifyContext, { metadata }: GoldenFile): AsyncGenerator<GoldenCheck> {
  yield {
    name: metadata.kind ?? "no kind",
    error: 0,
    limit: 0,
    ok: true,
    note: "not compared: this kind is not known",
  };
}

async function* withNames(path: string, checks: AsyncGenerator<GoldenCheck>): AsyncGenerator<GoldenCheck> {
  const name = (inner: string) => (path === "" ? inner : `${path}: ${inner}`);
  try {
    for await (const check of checks) yield { ...check, name: name(check.name) };
  } catch (error) {
    if (isSpaAttnError(error, "Aborted")) throw error;
    const note = error instanceof Error ? error.message : String(error);
    yield { name: name("computed"), error: Number.POSITIVE_INFINITY, limit: 0, ok: false, note };
  }
}

async function* asAsync<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

const join = (a: string, b: string): string =>
  [a, b]
    .flatMap((part) => part.split("/"))
    .filter(Boolean)
    .join("/");

/** Resolves `..` in a relative path. */
function resolve(path: string): string {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") out.pop();
    else if (part !== "" && part !== ".") out.push(part);
  }
  return out.join("/");
}

const below = (root: Folder, path: string): Folder => ({
  name: path === "" ? root.name : `${root.name}/${path}`,
  open: (file) => root.open(resolve(`${path}/${file}`)),
});

/** Whose VAE a pipeline without one uses. */
const OTHER_VAE = "../wan_t2v/vae";

/** The folder of a pipeline, whose VAE may be another case's. */
async function withVae(root: Folder, path: string, { metadata }: GoldenFile): Promise<Folder> {
  const own = below(root, path);
  if (await readJson(own, "vae/config.json")) return own;
  const vae = metadata.vae ?? OTHER_VAE;
  const open = (file: string) => own.open(file.startsWith("vae/") ? `${vae}/${file.slice("vae/".length)}` : file);
  return { name: own.name, open };
}
