import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSpaAttnError } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Clip } from "../src/index.js";
import { checkFfmpeg, readClip, writeVideo } from "../src/node.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spaattn-video-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);

/** Smooth colours that move, so that a lossy encoder keeps them. */
function movingClip(width: number, height: number, frames: number): Clip {
  const data = Uint8Array.from({ length: frames * height * width * 3 }, (_, i) => {
    const cell = Math.floor(i / 3);
    const [x, y, t] = [cell % width, Math.floor(cell / width) % height, Math.floor(cell / (width * height))];
    return [60 + 3 * x + 4 * t, 80 + 2 * y, 190 - 2 * x][i % 3];
  });
  return { width, height, frames, fps: 12, data };
}

const hasFfmpeg = (ctx: { skip(reason: string): void }) => {
  try {
    execFileSync("ffmpeg", ["-version"], { stdio: "ignore" });
  } catch {
    console.warn("SKIPPED: writing videos needs ffmpeg, which is not installed");
    ctx.skip("ffmpeg is not installed");
  }
};

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("videos through ffmpeg", () => {
  it.for([".mp4", ".webm"])(
    "come back from %s with their frames, rate and colours, odd sizes too",
    async (extension, ctx) => {
      hasFfmpeg(ctx);
      const clip = movingClip(31, 17, 6);
      const file = path(`clip${extension}`);
      await writeVideo(file, clip, { metadata: { title: "moving; colours = 3" } });
      const back = await readClip(file);
      expect(back).toMatchObject({ width: 32, height: 18, frames: 6, fps: 12 });
      for (let t = 0; t < 6; t++)
        for (let y = 0; y < 18; y++)
          for (let x = 0; x < 32; x++) {
            const from = ((t * 17 + Math.min(y, 16)) * 31 + Math.min(x, 30)) * 3;
            const to = ((t * 18 + y) * 32 + x) * 3;
            for (let c = 0; c < 3; c++) expect(Math.abs(back.data[to + c] - clip.data[from + c])).toBeLessThan(9);
          }
      expect(readFileSync(file).includes("moving; colours = 3")).toBe(true);
    },
  );

  it("replace nothing without force, and leave nothing where ffmpeg fails or is cancelled", async () => {
    const clip = movingClip(16, 16, 2);
    const there = path("there.mp4");
    writeFileSync(there, "precious");
    const ffmpeg = path("ffmpeg");
    writeFileSync(ffmpeg, '#!/bin/sh\ncat > /dev/null\necho "no such codec" >&2\nexit 1\n');
    chmodSync(ffmpeg, 0o755);
    const before = readdirSync(folder);
    const failed = await failure(writeVideo(path("new.mp4"), clip, { ffmpeg }));
    expect(isSpaAttnError(failed, "Unsupported") && failed.message).toMatch(/new\.mp4: .*no such codec/);
    writeFileSync(ffmpeg, "#!/bin/sh\nexec sleep 60\n");
    const signal = AbortSignal.timeout(300);
    expect(isSpaAttnError(await failure(writeVideo(path("new.mp4"), clip, { ffmpeg, signal })), "Aborted")).toBe(true);
    // "Encodes" to the file it is told, the last argument.
    writeFileSync(ffmpeg, '#!/bin/sh\nfor last; do :; done\ncat > "$(echo "$last" | cut -c6-)"\n');
    expect(isSpaAttnError(await failure(writeVideo(there, clip, { ffmpeg })), "FileAccess")).toBe(true);
    expect(readFileSync(there, "utf8")).toBe("precious");
    expect(readdirSync(folder)).toEqual(before);
    await writeVideo(there, clip, { ffmpeg, force: true });
    expect(new Uint8Array(readFileSync(there))).toEqual(clip.data);
  });

  it("say what to do where there is no ffmpeg", async () => {
    const missing = path("no-such-program");
    for (const attempt of [
      checkFfmpeg(missing),
      writeVideo(path("x.mp4"), movingClip(16, 16, 2), { ffmpeg: missing }),
    ]) {
      const error = await failure(attempt);
      expect(isSpaAttnError(error, "Unsupported") && error.remedy).toContain("ffmpeg.org");
    }
    await expect(writeVideo(path("x.avi"), movingClip(16, 16, 2))).rejects.toThrow(/\.mp4 or \.webm/);
  });
});
