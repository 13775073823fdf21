import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostTensor } from "@spaattn/core";
import { writeCaptureFile, writeClip } from "@spaattn/io/node";

const bin = fileURLToPath(new URL("../bin/spaattn.mjs", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Sends SIGINT after so many milliseconds. */
  readonly interruptAfter?: number;
}

/** Runs the command as a user does. */
export function spaattn(args: readonly string[], { cwd, env = {}, interruptAfter }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], {
      ...(cwd ? { cwd } : {}),
      env: { ...process.env, SPAATTN_REQUIRE: "", DEBUG: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, error] = ["", ""];
    child.stdout.on("data", (text) => void (out += text));
    child.stderr.on("data", (text) => void (error += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, error }));
    if (interruptAfter !== undefined) setTimeout(() => child.kill("SIGINT"), interruptAfter);
  });
}

/** A folder of its own for a test file. */
export function temporaryFolder(): { path: (name: string) => string; folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "spaattn-cli-"));
  return { folder, path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A small clip with something that moves. */
export async function writeTestClip(path: string): Promise<void> {
  const [width, height, frames] = [64, 48, 6];
  const data = new Uint8Array(frames * height * width * 3);
  for (let t = 0; t < frames; t++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const inside = (x - 12 - 7 * t) ** 2 + (y - 24) ** 2 < 90;
        const at = ((t * height + y) * width + x) * 3;
        data.set(inside ? [230, 120, 40] : [40 + x, 60 + 2 * y, 120 + ((x * y) % 23)], at);
      }
  await writeClip(path, { width, height, frames, data, fps: 8 });
}

/** Tokens of nearby grid cells look alike, as in a video. */
export function videoTensor(heads: number, grid: readonly number[], headDim: number, seed: number): HostTensor<"f32"> {
  const [t, h, w] = grid;
  const data = new Float32Array(heads * t * h * w * headDim);
  let i = 0;
  for (let head = 0; head < heads; head++)
    for (let z = 0; z < t; z++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          for (let channel = 0; channel < headDim; channel++)
            data[i++] =
              1.5 * Math.sin((0.3 * x + 0.2 * z) * (1 + (channel % 5)) + channel + seed) +
              Math.cos(0.4 * y * (1 + (channel % 3)) + 2 * channel + head * seed);
  return new HostTensor("f32", [1, heads, t * h * w, headDim], data);
}

/** A small capture in raster order. */
export async function writeTestCapture(
  path: string,
  changes: {
    heads?: number;
    headDim?: number;
    grid?: [number, number, number];
    model?: string;
    layer?: number;
    seed?: number;
  } = {},
): Promise<void> {
  const { heads = 2, headDim = 64, grid = [4, 8, 16], seed = 0, ...info } = changes;
  await writeCaptureFile(path, {
    query: videoTensor(heads, grid, headDim, 1 + seed),
    key: videoTensor(heads, grid, headDim, 1.1 + seed),
    value: videoTensor(heads, grid, headDim, 2 + seed),
    grid,
    tokenOrder: "raster",
    ...info,
  });
}
