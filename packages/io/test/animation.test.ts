import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { expectFailure, inTemporaryFolder } from "../../weights/test/helpers.js";
import { readClip, writeClip } from "../src/node.js";
import { type ApngOptions, apng, type Frame, gif, letters } from "./images.js";

const [R, G, B, CLEAR] = [
  [255, 0, 0, 255],
  [0, 255, 0, 255],
  [0, 0, 255, 255],
  [0, 0, 0, 0],
];
const four = (colour: number[]) => [...colour, ...colour, ...colour, ...colour];
const full = (colour: number[], more: Partial<Frame> = {}): Frame => ({
  width: 2,
  height: 2,
  pixels: four(colour),
  ...more,
});
const dot = (colour: number[], more: Partial<Frame> = {}): Frame => ({
  width: 1,
  height: 1,
  pixels: colour,
  x: 1,
  y: 1,
  ...more,
});

const read = (bytes: Uint8Array, name = "a.png", options = {}) =>
  inTemporaryFolder((folder) => {
    writeFileSync(join(folder, name), bytes);
    return readClip(join(folder, name), options);
  });

describe("animated PNG is put together as players do", () => {
  it.each<[string, Frame[], ApngOptions, string]>([
    ["a part over the whole", [full(R), dot(G)], {}, "RRRR RRRG"],
    ["parts upon parts", [full(R), dot(G), dot(B, { x: 0, y: 0 })], {}, "RRRR RRRG BRRG"],
    [
      "restore to what was before",
      [full(R), { width: 2, height: 1, pixels: [...G, ...G], dispose: 2 }, dot(B)],
      {},
      "RRRR GGRR RRRB",
    ],
    ["restore twice", [full(R), full(G, { dispose: 2 }), full(B, { dispose: 2 }), dot(G)], {}, "RRRR GGGG BBBB RRRG"],
    ["restore the first frame", [full(R, { dispose: 2 }), dot(G)], {}, "RRRR 000G"],
    ["clear a part alone", [full(R), dot(G, { dispose: 1 }), dot(B, { x: 0, y: 0 })], {}, "RRRR RRRG BRR0"],
    ["clear the whole", [full(R, { dispose: 1 }), dot(G)], {}, "RRRR 000G"],
    ["blend over with a hole", [full(R), full(CLEAR, { blend: 1 })], {}, "RRRR RRRR"],
    ["replace with a hole", [full(R), dot(CLEAR, { blend: 0 })], {}, "RRRR RRR0"],
    ["blend over half", [full(R), dot([0, 255, 0, 128], { blend: 1 })], {}, "RRRR RRR(127,128,0)"],
    ["a hidden default image", [full(G), full(B)], { hidden: four(R) }, "GGGG BBBB"],
    ["one frame behind a hidden image", [full(G)], { hidden: four(R) }, "GGGG"],
    [
      "a palette with transparency",
      [
        { width: 2, height: 2, pixels: [0, 1, 2, 0] },
        { ...dot([2]), blend: 1 },
      ],
      {
        colour: 3,
        before: [
          { type: "PLTE", data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255) },
          { type: "tRNS", data: Uint8Array.of(255, 255, 0) },
        ],
      },
      "RG0R RG0R",
    ],
    [
      "a palette of two bits",
      [{ width: 4, height: 1, pixels: [0b00011011] }],
      {
        colour: 3,
        depth: 2,
        before: [{ type: "PLTE", data: Uint8Array.of(0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255) }],
      },
      "0RGB",
    ],
    [
      "grey with a transparent value",
      [{ width: 2, height: 1, pixels: [255, 7] }],
      { colour: 0, before: [{ type: "tRNS", data: Uint8Array.of(0, 7) }] },
      "(255,255,255)0",
    ],
    [
      "sixteen bits",
      [{ width: 2, height: 1, pixels: [255, 255, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0] }],
      { colour: 2, depth: 16 },
      "RG",
    ],
    [
      "text that names acTL before it",
      [full(R), full(G)],
      { before: [{ type: "tEXt", data: new TextEncoder().encode(`a\0acTL${"x".repeat(9000)}`) }] },
      "RRRR GGGG",
    ],
  ])("%s", async (_, frames, options, want) => {
    const { width, height } = frames[0];
    const size = options.hidden ? [2, 2] : [width, height];
    expect(letters(await read(apng(size[0], size[1], frames, options)))).toBe(want);
  });

  it("takes its rate from the delays, a denominator of 0 being 100", async () => {
    const at = (delay: [number, number]) => read(apng(2, 2, [full(R, { delay }), full(G, { delay })]));
    expect((await at([1, 25])).fps).toBeCloseTo(25);
    expect((await at([5, 0])).fps).toBeCloseTo(20);
    // Players show frames of no time for a tenth of a second.
    expect((await at([0, 100])).fps).toBeCloseTo(10);
  });

  it("a still PNG whose text speaks of acTL is a still PNG", async () => {
    const still = await sharp({ create: { width: 2, height: 2, channels: 3, background: "#f00" } })
      .png()
      .toBuffer();
    const at = 8 + 25;
    const text = apng(2, 2, [full(R)], {
      before: [{ type: "tEXt", data: new TextEncoder().encode("a\0acTL") }],
    }).subarray(at, at + 12 + 6);
    expect(letters(await read(Buffer.concat([still.subarray(0, at), text, still.subarray(at)])))).toBe("RRRR");
  });

  const whole = apng(2, 2, [full(R), full(G), full(B)]);
  it.each<[string, Uint8Array, RegExp]>([
    ["is cut off", whole.subarray(0, whole.length - 40), /cut off/],
    ["has no end", whole.subarray(0, whole.length - 12), /cut off/],
    ["declares more frames than it has", apng(2, 2, [full(R)], { declared: 3 }), /cut off after 1 of 3 frames/],
    ["has a frame outside", apng(2, 2, [full(R), dot(G, { x: 2 })]), /frame 1 .* lies outside 2x2/],
    ["is composed strangely", apng(2, 2, [full(R, { dispose: 7 as 2 })]), /does not exist/],
    ["has a changed byte", Uint8Array.from(whole, (x, i) => (i === whole.length - 20 ? x ^ 1 : x)), /checksum/],
    ["lacks data", apng(2, 2, [full(R), { ...full(G), pixels: R }]), /cannot be decoded/],
  ])("is refused when it %s", async (_, bytes, message) => {
    await expectFailure(read(bytes), "MalformedFile", message);
  });
});

describe("what is not all there says so", () => {
  const frames = [
    [1, 1, 1, 1],
    [2, 2, 2, 2],
    [3, 3, 3, 3],
    [1, 2, 3, 0],
  ];

  it("GIF", async () => {
    const whole = gif(2, 2, frames);
    expect(letters(await read(whole, "a.gif"))).toBe("RRRR GGGG BBBB RGB0");
    await expectFailure(
      read(whole.subarray(0, whole.length - 5), "a.gif"),
      "MalformedFile",
      /cut off after 3 whole frames/,
    );
    // A missing trailer is no loss.
    expect((await read(whole.subarray(0, -1), "a.gif")).frames).toBe(4);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 16, max: whole.length - 2 }), async (end) => {
        const clip = await read(whole.subarray(0, end), "a.gif").catch((error) => error);
        // Whole blocks alone, or a refusal: never fewer frames in silence, but where a block ends.
        if (clip.frames === undefined) expect(clip.code).toBe("MalformedFile");
      }),
      { numRuns: 30 },
    );
  });

  it("WebP", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a.webp");
      const data = Uint8Array.from({ length: 4 * 16 * 16 * 3 }, (_, i) => (i * 31 + Math.floor(i / 768) * 50) & 255);
      await writeClip(path, { frames: 4, width: 16, height: 16, data });
      const whole = readFileSync(path);
      for (const end of [whole.length - 3, whole.length - 300, 40])
        await expectFailure(read(whole.subarray(0, end), "b.webp"), "MalformedFile", /cut off at \d+ of \d+ bytes/);
    });
  });

  it("frames that were left, whoever decodes", async () => {
    const many = Array.from({ length: 12 }, (_, i) => [i % 4, 1, 2, 3]);
    expect(await read(gif(2, 2, many), "a.gif", { maxFrames: 5 })).toMatchObject({ frames: 5, totalFrames: 12 });
    expect((await read(gif(2, 2, many), "a.gif")).totalFrames).toBeUndefined();
    const png = apng(2, 2, [full(R), full(G), full(B)]);
    expect(await read(png, "a.png", { maxFrames: 2 })).toMatchObject({ frames: 2, totalFrames: 3 });
  });

  it("and videos", async (ctx) => {
    try {
      execFileSync("ffmpeg", ["-version"], { stdio: "ignore" });
    } catch {
      console.warn("SKIPPED: reading videos needs ffmpeg, which is not installed");
      return ctx.skip("ffmpeg is not installed");
    }
    await inTemporaryFolder(async (folder) => {
      for (const name of ["a.mkv", "a.mp4"]) {
        const path = join(folder, name);
        const args = [
          "-v",
          "error",
          "-f",
          "lavfi",
          "-i",
          "testsrc=s=64x48:r=10:d=3",
          "-c:v",
          "mpeg4",
          "-movflags",
          "+faststart",
        ];
        execFileSync("ffmpeg", [...args, path]);
        expect(await readClip(path, { maxFrames: 7 })).toMatchObject({ frames: 7, totalFrames: 30, fps: 10 });
        expect((await readClip(path, { maxFrames: 30 })).totalFrames).toBeUndefined();
        const cut = join(folder, `cut-${name}`);
        writeFileSync(cut, readFileSync(path).subarray(0, Math.floor(readFileSync(path).length * 0.6)));
        const clip = await readClip(cut);
        expect(clip.frames).toBeLessThan(30);
        expect(clip.notes?.join()).toMatch(/^ffmpeg: /);
      }
    });
  });
});

describe("photographs", () => {
  it("are read the right way up", async () => {
    const pixels = Uint8Array.from([255, 0, 0, 0, 255, 0]);
    const picture = sharp(pixels, { raw: { width: 2, height: 1, channels: 3 } });
    for (const format of ["png", "webp"] as const) {
      // Orientation 6: turn a quarter clockwise.
      const bytes = await picture
        .clone()
        .withMetadata({ orientation: 6 })
        [format]({ lossless: true } as never)
        .toBuffer();
      const clip = await read(bytes, `a.${format}`);
      expect([clip.width, clip.height, letters(clip)]).toEqual([1, 2, "RG"]);
    }
  });

  it("larger than can be read are refused as that, not as damaged", async () => {
    const huge = apng(65536, 65536, [{ width: 65536, height: 65536, pixels: [0] }]);
    await expectFailure(read(huge), "Unsupported", /65536x65536 pixels are more than can be read/);
  });

  it("a folder is none", async () => {
    await inTemporaryFolder((folder) => expectFailure(readClip(folder), "FileAccess", /it is a folder/));
  });
});

describe("writeClip keeps every frame", () => {
  it.each(["gif", "webp"])("%s, whatever repeats", async (format) => {
    await inTemporaryFolder(async (folder) => {
      const size = 8 * 4 * 3;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 9 }),
          fc.constantFrom(1, 7, 10, 12.5, 24, 30, 50),
          async (shades, fps) => {
            const data = new Uint8Array(shades.length * size);
            for (let i = 0; i < data.length; i++) data[i] = ((i % size) * 3 + 90 * shades[Math.floor(i / size)]) & 255;
            const path = join(folder, `a.${format}`);
            await writeClip(path, { frames: shades.length, width: 8, height: 4, data }, { fps, force: true });
            const clip = await readClip(path);
            expect([clip.frames, clip.width, clip.height]).toEqual([shades.length, 8, 4]);
            const unit = format === "gif" ? 10 : 1;
            if (shades.length > 1)
              expect(Math.abs(1000 / clip.fps! - 1000 / fps)).toBeLessThanOrEqual(unit / shades.length);
            if (format === "webp") expect(Buffer.from(clip.data).equals(Buffer.from(data))).toBe(true);
            for (let f = 1; f < shades.length; f++) {
              const same =
                Buffer.compare(
                  clip.data.subarray((f - 1) * size, f * size),
                  clip.data.subarray(f * size, (f + 1) * size),
                ) === 0;
              expect(same).toBe(shades[f] === shades[f - 1]);
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  it("lossy WebP too", async () => {
    await inTemporaryFolder(async (folder) => {
      const data = Uint8Array.from({ length: 5 * 64 * 48 * 3 }, (_, i) => (i >> 4) & 255).fill(90, 64 * 48 * 3);
      const path = join(folder, "a.webp");
      await writeClip(path, { frames: 5, width: 64, height: 48, data }, { quality: 80, fps: 10 });
      expect(await readClip(path)).toMatchObject({ frames: 5, fps: 10 });
    });
  });

  it.each([
    [{ fps: 0 }, /options.fps must be between .* got 0/],
    [{ fps: Number.NaN }, /got NaN/],
    [{ fps: Number.POSITIVE_INFINITY }, /got Infinity/],
    [{ fps: "10" }, /got "10"/],
    [{ fps: 60 }, /between 0.0015 and 50 in a .gif file, got 60/],
    [{ quality: 0 }, /options.quality/],
    [{ fsp: 10 }, /options.fsp is not known/],
  ])("refuses %j", async (options, message) => {
    const clip = { frames: 2, width: 2, height: 2, data: new Uint8Array(24) };
    await expect(writeClip("never.gif", clip, options as never)).rejects.toThrow(message);
    if ("fps" in options && options.fps !== "10")
      await expect(writeClip("never.gif", { ...clip, fps: options.fps as number })).rejects.toThrow(/clip.fps/);
  });

  it("a file replaced under its name is read anew", async () => {
    await inTemporaryFolder(async (folder) => {
      for (const name of ["a.webp", "a.gif", "a.png"]) {
        for (const frames of [
          [
            [1, 1, 1, 1],
            [2, 2, 2, 2],
          ],
          [[3, 3, 3, 3]],
        ]) {
          const path = join(folder, name);
          const bytes = gif(2, 2, frames);
          const image = sharp(bytes, { animated: true });
          writeFileSync(
            path,
            name.endsWith("webp")
              ? await image.webp({ lossless: true }).toBuffer()
              : name.endsWith("png")
                ? await sharp(bytes).png().toBuffer()
                : bytes,
          );
          const clip = await readClip(path);
          expect(letters(clip)[0]).toBe(frames[0][0] === 1 ? "R" : "B");
        }
      }
    });
  });
});
