import { open } from "node:fs/promises";
import { basename } from "node:path";
import { type Capture, isNpyFile, isNpzFile } from "@spaattn/io";
import { readClip } from "@spaattn/io/node";
import { type BuildOptions, buildInputs, inputsFromCapture, type LabInputs } from "@spaattn/lab";
import { type ArrayFlags, readArrays } from "./arrays.js";
import { UsageError } from "./errors.js";
import { spool } from "./spool.js";

/** Options that say how a clip becomes query, key and value. */
export interface ClipFlags {
  readonly tokens?: number;
  readonly heads?: number;
  readonly headDim?: 64 | 128;
  readonly curve?: "hilbert" | "raster";
  readonly seed?: number;
}

/** Options that say how to read any input. */
export interface InputFlags extends ClipFlags, ArrayFlags {
  readonly blockSize?: 64 | 128;
  readonly scale?: number;
}

const CLIP_OPTIONS = ["tokens", "heads", "headDim", "curve", "seed"] as const;
const ARRAY_OPTIONS = ["layout", "grid", "textTokens", "textFirst"] as const;

/** Frames beyond what any token grid of ours takes are not read; larger pictures are scaled while reading. */
const READ_LIMITS = { maxFrames: 512, maxSize: 1024 };

/** Reads a capture, arrays or a clip and makes attention inputs of it; `-` is standard input. */
export async function readInput(path: string, flags: InputFlags, signal: AbortSignal): Promise<LabInputs> {
  const file = await spool(path);
  if (await holdsArrays(file.path)) {
    refuse(flags, CLIP_OPTIONS, `applies to clips, and ${file.name} is a capture`);
    const capture = await readArrays(file, flags);
    const { blockSize = capture.blockSize, scale = capture.scale } = flags;
    const changes = { ...(blockSize === undefined ? {} : { blockSize }), ...(scale === undefined ? {} : { scale }) };
    return inputsFromCapture({ ...capture, ...changes }, basename(file.name));
  }
  refuse(flags, ARRAY_OPTIONS, `applies to captures, and ${file.name} is a clip`);
  const clip = await readClip(file.path, { ...READ_LIMITS, signal });
  const options: BuildOptions = {
    ...(flags.tokens === undefined ? {} : { maxTokens: flags.tokens }),
    ...(flags.heads === undefined ? {} : { heads: flags.heads }),
    ...(flags.headDim === undefined ? {} : { headDim: flags.headDim }),
    ...(flags.blockSize === undefined ? {} : { blockSize: flags.blockSize }),
    ...(flags.curve === undefined ? {} : { curve: flags.curve }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  };
  const data = new Uint8Array(clip.data.buffer, clip.data.byteOffset, clip.data.length);
  const inputs = buildInputs({ ...clip, data, name: basename(file.name) }, options);
  return flags.scale === undefined ? inputs : { ...inputs, spec: { ...inputs.spec, scale: flags.scale } };
}

/** Reads query, key and value for `run`; a clip is none. */
export async function readCapture(path: string, flags: InputFlags): Promise<Capture> {
  const file = await spool(path);
  if (!(await holdsArrays(file.path)) && (await isPicture(file.path)))
    throw new UsageError(`${file.name} is a clip; this command takes captures.`, "`spaattn compare` takes clips.");
  const capture = await readArrays(file, flags);
  const { blockSize = capture.blockSize, scale = capture.scale } = flags;
  return { ...capture, ...(blockSize === undefined ? {} : { blockSize }), ...(scale === undefined ? {} : { scale }) };
}

/** An option that would do nothing is a misunderstanding. */
function refuse<Name extends keyof InputFlags>(flags: InputFlags, names: readonly Name[], why: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given) throw new UsageError(`${optionName(given)} ${why}.`);
}

/** `--head-dim` for `headDim`. */
export const optionName = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** By what is in the file, not by its name. A list of .npy files is arrays. */
async function holdsArrays(path: string): Promise<boolean> {
  if (path.includes(",")) return true;
  if (path.endsWith(".safetensors")) return true;
  const head = await firstBytes(path);
  if (!head) return /\.(npy|npz)$/.test(path);
  // A safetensors file begins with the length of its header and a brace.
  const header = head.length >= 9 && head[8] === 0x7b && head.readBigUInt64LE(0) < 1n << 32n;
  return header || isNpyFile(head) || isNpzFile(head);
}

const isPicture = async (path: string): Promise<boolean> =>
  /^(GIF8|\x89PNG|RIFF|\xff\xd8\xff|....ftyp|.E\xdf\xa3)/s.test((await firstBytes(path))?.toString("latin1") ?? "");

async function firstBytes(path: string): Promise<Buffer | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  try {
    if (!(await file.stat()).isFile()) return undefined;
    const head = Buffer.alloc(16);
    const { bytesRead } = await file.read(head, 0, 16, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
