import { open } from "node:fs/promises";
import { basename } from "node:path";
import { readCaptureFile, readClip } from "@spaattn/io/node";
import { type BuildOptions, buildInputs, inputsFromCapture, type LabInputs } from "@spaattn/lab";

/** Options that say how a clip becomes query, key and value. */
export interface ClipFlags {
  readonly tokens?: number;
  readonly heads?: number;
  readonly headDim?: 64 | 128;
  readonly blockSize?: 64 | 128;
  readonly curve?: "hilbert" | "raster";
  readonly seed?: number;
}

/** Frames beyond what any token grid of ours takes are not read; larger pictures are scaled while reading. */
const READ_LIMITS = { maxFrames: 512, maxSize: 1024 };

/** Reads a capture file or a clip and makes attention inputs of it. */
export async function readInput(path: string, flags: ClipFlags, signal: AbortSignal): Promise<LabInputs> {
  const name = basename(path);
  if (await isSafetensors(path)) return inputsFromCapture(await readCaptureFile(path), name);
  const clip = await readClip(path, { ...READ_LIMITS, signal });
  const options: BuildOptions = {
    ...(flags.tokens === undefined ? {} : { maxTokens: flags.tokens }),
    ...(flags.heads === undefined ? {} : { heads: flags.heads }),
    ...(flags.headDim === undefined ? {} : { headDim: flags.headDim }),
    ...(flags.blockSize === undefined ? {} : { blockSize: flags.blockSize }),
    ...(flags.curve === undefined ? {} : { curve: flags.curve }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  };
  const data = new Uint8Array(clip.data.buffer, clip.data.byteOffset, clip.data.length);
  return buildInputs({ ...clip, data, name }, options);
}

/** A safetensors file begins with the length of its header and a brace, whatever its name. */
async function isSafetensors(path: string): Promise<boolean> {
  if (path.endsWith(".safetensors")) return true;
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return false;
  try {
    const head = Buffer.alloc(9);
    const { bytesRead } = await file.read(head, 0, 9, 0);
    return bytesRead === 9 && head[8] === 0x7b && head.readBigUInt64LE(0) < 1n << 32n;
  } finally {
    await file.close();
  }
}
