import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { expectFailure, inTemporaryFolder } from "../../weights/test/helpers.js";
import { type Clip, clipFrame, encodePng } from "../src/index.js";
import { PpmFrames } from "../src/node/ppm-frames.js";
import { readClip, writeClip } from "../src/node.js";

const FRAMES = 4;
const APNG = fileURLToPath(new URL("./fixtures/three-frames.png", import.meta.url));

/** A square that moves over a gradient. */
function movingSquare(width = 40, height = 24): Clip {
  const data = new Uint8Array(FRAMES * height * width * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y, t] = [
      Math.floor(i / 3) % width,
      Math.floor(i / 3 / width) % height,
      Math.floor(i / 3 / width / height),
    ];
    data[i] = Math.abs(x - 8 - 6 * t) < 5 && Math.abs(y - 12) < 5 ? 240 - 60 * (i % 3) : 4 * y + 20 * (i % 3);
  }
  return { width, height, frames: FRAMES, fps: 10, data };
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);

function hasFfmpeg(ctx: { skip(reason: string): void }): boolean {
  try {
    execFileSync("ffmpeg", ["-version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("SKIPPED: reading videos needs ffmpeg, which is not installed");
    ctx.skip("ffmpeg is not installed");
    return false;
  }
}

describe("clips", () => {
  it("come back from WebP without loss, from GIF nearly so", async () => {
    await inTemporaryFolder(async (folder) => {
      const clip = movingSquare();
      for (const [name, tolerance] of [
        ["a.webp", 0],
        ["a.gif", 40],
      ] as const) {
        const path = join(folder, name);
        await writeClip(path, clip);
        const read = await readClip(path);
        expect(read).toMatchObject({ width: 40, height: 24, frames: FRAMES, name, fps: 10 });
        expect(largestDifference(read.data, clip.data)).toBeLessThanOrEqual(tolerance);
        expect((await readClip(path, { maxFrames: 2 })).frames).toBe(2);
        const small = await readClip(path, { maxSize: 20 });
        expect([small.width, small.height, small.frames, small.data.length]).toEqual([20, 12, 4, 20 * 12 * 3 * 4]);
        await expectFailure(writeClip(path, clip), "FileAccess", /exists already/);
      }
      expect(readdirSync(folder).sort()).toEqual(["a.gif", "a.webp"]);
    });
  });

  it("come back from PNG", async () => {
    await inTemporaryFolder(async (folder) => {
      const clip = movingSquare();
      const path = join(folder, "a.png");
      writeFileSync(path, encodePng({ ...clip, data: clipFrame(clip, 3) }));
      const read = await readClip(path);
      expect(read).toMatchObject({ width: 40, height: 24, frames: 1 });
      expect(largestDifference(read.data, clipFrame(clip, 3))).toBe(0);
      expect(read.fps).toBeUndefined();
    });
  });

  it("read every frame of an animated PNG", async () => {
    const clip = await readClip(APNG);
    expect(clip).toMatchObject({ width: 24, height: 16, frames: 3 });
    expect(clip.fps).toBeCloseTo(5);
    expect(largestDifference(clipFrame(clip, 0), decode(readFileSync(APNG)).data)).toBe(0);
    expect(largestDifference(clipFrame(clip, 0), clipFrame(clip, 2))).toBeGreaterThan(0);
    expect(await readClip(APNG, { maxSize: 12, maxFrames: 2 })).toMatchObject({ width: 12, height: 8, frames: 2 });
  });

  it("read other containers through ffmpeg", async (ctx) => {
    if (!hasFfmpeg(ctx)) return;
    await inTemporaryFolder(async (folder) => {
      const [gif, video] = [join(folder, "a.gif"), join(folder, "-a.mkv")];
      await writeClip(gif, movingSquare());
      execFileSync("ffmpeg", ["-v", "error", "-i", gif, "-c:v", "ffv1", `file:${video}`]);
      const read = await readClip(video);
      expect(read).toMatchObject({ width: 40, height: 24, frames: FRAMES, fps: 10 });
      expect(largestDifference(read.data, (await readClip(gif)).data)).toBeLessThanOrEqual(6);
      expect(await readClip(video, { maxFrames: 2, maxSize: 20 })).toMatchObject({ width: 20, height: 12, frames: 2 });
      await expectFailure(readClip(video, { signal: AbortSignal.abort() }), "Aborted", /cancelled/);
    });
  });

  it("name ffmpeg where it is needed and missing", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a.mp4");
      writeFileSync(path, "not a picture");
      await expectFailure(readClip(path, { ffmpeg: join(folder, "ffmpeg") }), "Unsupported", /needs ffmpeg/);
    });
  });

  it("pass on what ffmpeg complains about, and survive nonsense from it", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a.mp4");
      writeFileSync(path, "not a picture");
      const pretend = async (script: string, options = {}) => {
        const ffmpeg = join(folder, "ffmpeg");
        writeFileSync(ffmpeg, `#!/bin/sh\n${script}\n`);
        chmodSync(ffmpeg, 0o755);
        return readClip(path, { ffmpeg, ...options });
      };
      await expectFailure(pretend("echo 'moov atom not found' >&2; exit 1"), "MalformedFile", /moov atom not found/);
      await expectFailure(pretend("exit 3"), "MalformedFile", /exit code 3/);
      await expectFailure(pretend("exit 0"), "MalformedFile", /cannot read it as video/);
      await expectFailure(pretend("yes nonsense"), "MalformedFile", /something else than frames/);
      await expectFailure(
        pretend("printf 'P6 2 1 255\\nabcdefP6 3 1 255\\n'; exec sleep 20"),
        "MalformedFile",
        /size of the video changes/,
      );
      const slow = pretend("exec sleep 20", { signal: AbortSignal.timeout(300) });
      await expectFailure(slow, "Aborted", /cancelled/);
      expect(await pretend("printf 'P6 2 1 255\\nabcdef'")).toMatchObject({ width: 2, height: 1, frames: 1 });
    });
  });

  it("refuse damaged pictures", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a.gif");
      await writeClip(path, movingSquare());
      for (const [name, bytes] of [
        ["cut.gif", readFileSync(path).subarray(0, 20)],
        ["cut.png", readFileSync(APNG).subarray(0, 150)],
      ] as const) {
        writeFileSync(join(folder, name), bytes);
        await expectFailure(readClip(join(folder, name)), "MalformedFile", /cannot be decoded|cut off/);
      }
      await expectFailure(readClip(join(folder, "none.gif")), "FileAccess", /no such file/);
    });
  });

  it("refuse wrong arguments", async () => {
    const clip = movingSquare();
    await expect(readClip("a.gif", { maxFrames: 0 })).rejects.toThrow(/maxFrames must be a positive integer/);
    await expect(writeClip("a.mp4", clip)).rejects.toThrow(/written as .gif or .webp/);
    await expect(writeClip("a.gif", { ...clip, frames: 5 })).rejects.toThrow(/5 frames of 40x24 need/);
    expect(() => clipFrame(clip, 4)).toThrow(/between 0 and 3/);
    expect(() => encodePng({ width: 2, height: 2, data: new Uint8Array(7) })).toThrow(/picture.data has 7 bytes/);
    expect(() => encodePng({ width: 0, height: 2, data: new Uint8Array(0) })).toThrow(/picture.width/);
  });
});

it.each([1, 3, 4])("PNG files of %i channels hold the same pixels", (channels) => {
  const data = Uint8Array.from({ length: 5 * 3 * channels }, (_, i) => i * 7);
  const png = decode(encodePng({ width: 5, height: 3, data }));
  expect([png.width, png.height, png.channels, [...png.data]]).toEqual([5, 3, channels, [...data]]);
});

it("frames are the same however the stream is cut", () => {
  const picture = (byte: number) => [
    ...new TextEncoder().encode("P6\n3 2\n255\n"),
    ...new Array<number>(18).fill(byte),
  ];
  const stream = Uint8Array.from([...picture(1), ...picture(80), ...picture(10)]);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
      const frames = new PpmFrames();
      const ends = [...cuts.sort((a, b) => a - b), stream.length];
      ends.forEach((end, i) => {
        frames.push(stream.subarray(ends[i - 1] ?? 0, end));
      });
      const { width, height, count, data } = frames.finish();
      expect([width, height, count]).toEqual([3, 2, 3]);
      expect([data[0], data[18], data[36]]).toEqual([1, 80, 10]);
    }),
  );
});
